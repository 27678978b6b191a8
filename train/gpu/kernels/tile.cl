// The product of two matrices, A (M x L) by B (L x N), in tiles of TM x TN, each by a group whose
// work items keep RM x RN values. Where the values are is up to A_AT, B_AT and C_AT, so
// that a convolution is a product too, whose matrices are never written. The depth L may be
// split into parts, GROUP(1), each with a result of its own, which sum_parts adds up.
//
// A_DEEP: neighbors of A in memory lie along the depth; else along the rows. B_DEEP likewise.

#define LA (TM * TL / ITEMS)
#define LB (TN * TL / ITEMS)
#define ROW(i) ((i) / 4 * (TM / 2) + item_row * (RM < 4 ? RM : 4) + (i) % 4)
#define COL(j) ((j) / 4 * (TN / 2) + item_col * (RN < 4 ? RN : 4) + (j) % 4)

KERNEL void NAME(__global const uint *lanes, READS(a), READS(b), WRITES(c), struct SHAPE s, uint part)
{
	__local float as[2][TL][TM + 4] __attribute__((aligned(16)));
	__local float bs[2][TL][TN + 4] __attribute__((aligned(16)));
	LOCATE(a);
	LOCATE(b);
	LOCATE(c);
	const uint tiles = (s.m + TM - 1) / TM;
	const uint column = GROUP(0) / tiles, first_row = (GROUP(0) - column * tiles) * TM, first_col = column * TN;
	const uint item = ITEM, item_row = item % (TM / RM), item_col = item / (TM / RM);
	const uint from = GROUP(1) * part, to = LEAST(from + part, s.l);
	c += (ulong)GROUP(1) * s.m * s.n;

	float acc[RM][RN], ra[LA], rb[LB];
	UNROLL for (int i = 0; i < RM; i++)
		UNROLL for (int j = 0; j < RN; j++)
			acc[i][j] = 0;

#ifdef A_DEEP
#define A_ROW(i) ((item + (i) * ITEMS) / TL)
#define A_LAYER(i) ((item + (i) * ITEMS) % TL)
#else
#define A_ROW(i) ((item + (i) * ITEMS) % TM)
#define A_LAYER(i) ((item + (i) * ITEMS) / TM)
#endif
#ifdef B_DEEP
#define B_COL(i) ((item + (i) * ITEMS) / TL)
#define B_LAYER(i) ((item + (i) * ITEMS) % TL)
#else
#define B_COL(i) ((item + (i) * ITEMS) % TN)
#define B_LAYER(i) ((item + (i) * ITEMS) / TN)
#endif
#define FETCH(layer)                                                             \
	UNROLL for (int i = 0; i < LA; i++) {                                    \
		uint row = first_row + A_ROW(i), l = (layer) + A_LAYER(i);       \
		ra[i] = 0;                                                       \
		if (row < s.m && l < to)                                         \
			ra[i] = A_AT(row, l);                                    \
	}                                                                        \
	UNROLL for (int i = 0; i < LB; i++) {                                    \
		uint col = first_col + B_COL(i), l = (layer) + B_LAYER(i);       \
		rb[i] = 0;                                                       \
		if (col < s.n && l < to)                                         \
			rb[i] = B_AT(l, col);                                    \
	}
#define KEEP(turn)                                                               \
	UNROLL for (int i = 0; i < LA; i++)                                      \
		as[turn][A_LAYER(i)][A_ROW(i)] = ra[i];                          \
	UNROLL for (int i = 0; i < LB; i++)                                      \
		bs[turn][B_LAYER(i)][B_COL(i)] = rb[i];

	FETCH(from)
	KEEP(0)
	WAIT();
	uint turn = 0;
	for (uint layer = from; layer < to; layer += TL) {
		const uint next = layer + TL;
		if (next < to) {
			FETCH(next)
		}
		UNROLL for (int l = 0; l < TL; l++) {
			float x[RM], y[RN];
			UNROLL for (int i = 0; i < RM; i++)
				x[i] = as[turn][l][ROW(i)];
			UNROLL for (int j = 0; j < RN; j++)
				y[j] = bs[turn][l][COL(j)];
			UNROLL for (int i = 0; i < RM; i++)
				UNROLL for (int j = 0; j < RN; j++)
					acc[i][j] = FMA(x[i], y[j], acc[i][j]);
		}
		turn ^= 1;
		if (next < to) {
			KEEP(turn)
		}
		WAIT();
	}
	UNROLL for (int j = 0; j < RN; j++)
		UNROLL for (int i = 0; i < RM; i++) {
			const uint row = first_row + ROW(i), col = first_col + COL(j);
			if (row < s.m && col < s.n)
				c[C_AT(row, col)] = acc[i][j];
		}
}
