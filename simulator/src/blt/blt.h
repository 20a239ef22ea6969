/* SPDX-License-Identifier: MIT */
/* blt.h - the copy engine's 2D commands (command type 2: XY_*; and MEM_COPY/SET if Gen12.10 has
 * them). */
#ifndef SIM_BLT_H
#define SIM_BLT_H

#include "engine/cs.h"

/* Execute one whole command, header first. Never resumable: CS_DONE, CS_STOPPED or CS_ERROR. */
enum cs_result blt_execute(struct cs_env *env, const uint32_t *dw, unsigned ndw);
#endif
