# SPDX-License-Identifier: MIT
# cmake -DIN=file -DOUT=header -DNAME=array -P embed.cmake: a file's bytes as a C array.
file(READ ${IN} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "static const unsigned char ${NAME}[] = {${bytes}};\n")
