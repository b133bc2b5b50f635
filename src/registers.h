/* What a processor's vector registers allow: how wide vectors are, and what follows from how many
 * there are.
 *
 * That is the height of tiles of one, two and three vectors, the channels of a planar product,
 * whether convolutions slide, and whether products pack what they read: accumulators and operands
 * must fit, or the compiler spills, and the higher a tile is, the less it reads. PANEL_TERMS of a
 * panel, three vectors each, are what a tile reads again quickly enough.
 */
#pragma once

#if defined(__AVX512F__)
#define VEC_BYTES 64
#define VEC_PREFIX _mm512_
#define TILE_ROWS_1 16
#define TILE_ROWS_2 14
#define TILE_ROWS_3 9
#define PANEL_TERMS 1024
#define PRODUCT_CHANNELS 3
#define SLIDING 1
#define PACKS 0
#elif defined(__AVX2__)
#define VEC_BYTES 32
#define VEC_PREFIX _mm256_
#define TILE_ROWS_1 14
#define TILE_ROWS_2 6
#define TILE_ROWS_3 4
#define PANEL_TERMS 384
#define PRODUCT_CHANNELS 2
#define SLIDING 0
#define PACKS 1
#elif defined(__aarch64__)      /* NEON: 32 registers */
#define VEC_BYTES 16
#define TILE_ROWS_1 16
#define TILE_ROWS_2 10          /* at 12, gcc 12 spills */
#define TILE_ROWS_3 8
#define PANEL_TERMS 384
#define PRODUCT_CHANNELS 3
#define SLIDING 1
#define PACKS 1
#else
#define VEC_BYTES 16
#define VEC_PREFIX _mm_
#define TILE_ROWS_1 12
#define TILE_ROWS_2 6
#define TILE_ROWS_3 4
#define PANEL_TERMS 256
#define PRODUCT_CHANNELS 2
#define SLIDING 0
#define PACKS 1
#endif
#define TILE 3                  /* vectors of a panel, at most */

#ifdef FASTDL_DOUBLE
#define VEC_LANES (VEC_BYTES / 8)
#else
#define VEC_LANES (VEC_BYTES / 4)
#endif
