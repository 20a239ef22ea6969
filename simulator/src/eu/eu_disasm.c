/* SPDX-License-Identifier: MIT */
/* Text of an instruction, in IGA's syntax. */
#include "eu/eu.h"
#include "eu/eu_isa.h"

unsigned eu_disasm(const uint8_t *code, size_t bytes, uint64_t offset, char *text, size_t n)
{
    struct eu_inst i;
    unsigned size = eu_decode(code, bytes, &i);

    (void)offset;
    snprintf(text, n, "%s", size && eu_opcode_name(i.opcode) ? eu_opcode_name(i.opcode) : "?");
    return i.why ? 0 : size;
}
