/* SPDX-License-Identifier: MIT */
/* Fast handlers for any host. */
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors stay inside this file */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include "eu/eu_fast.h"

eu_handler eu_fast_select_base(struct eu_op *op)
{
    return select_handler(op);
}
