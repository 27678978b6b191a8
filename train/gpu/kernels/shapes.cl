// The matrices whose product each operation is, and where their values are.

// Matrix products: the rows of A and B are a_row and b_row values apart.
struct product { uint m, n, l, a_row, b_row; };

// Convolution: images (N, C, H, W), weights (K, C, R, S), maps (N, K, P, Q). m, n and l are those of
// the product at hand.
struct convolution {
	uint m, n, l;
	uint c, h, w, k, p, q, stride, pad;
	struct divisor rs, s, pq, q_, hw, w_, stride_;
};

// maps: weights (K x CRS) by patches (CRS x NPQ).
static float patch(__global const float *images, struct convolution s, uint l, uint place)
{
	const uint image = quotient(place, s.pq), pq = place - image * s.pq.d;
	const uint p = quotient(pq, s.q_), q = pq - p * s.q;
	const uint channel = quotient(l, s.rs), rs = l - channel * s.rs.d;
	const uint r = quotient(rs, s.s), t = rs - r * s.s.d;
	const uint y = p * s.stride + r - s.pad, x = q * s.stride + t - s.pad; // below zero: beyond the end
	if (y >= s.h || x >= s.w)
		return 0;
	return images[((image * s.c + channel) * s.h + y) * s.w + x];
}

static uint map_place(struct convolution s, uint filter, uint place)
{
	const uint image = quotient(place, s.pq);
	return (image * s.k + filter) * s.pq.d + place - image * s.pq.d;
}

// images: weights (C x KRS) by what of the maps each pixel took part in (KRS x NHW).
static float weight_of(__global const float *weights, struct convolution s, uint channel, uint l)
{
	const uint filter = quotient(l, s.rs);
	return weights[(filter * s.c + channel) * s.rs.d + l - filter * s.rs.d];
}

static float share(__global const float *maps, struct convolution s, uint l, uint place)
{
	const uint image = quotient(place, s.hw), hw = place - image * s.hw.d;
	const uint y = quotient(hw, s.w_), x = hw - y * s.w;
	const uint filter = quotient(l, s.rs), rs = l - filter * s.rs.d;
	const uint r = quotient(rs, s.s), t = rs - r * s.s.d;
	const uint row = y + s.pad - r, col = x + s.pad - t; // below zero: beyond the end
	const uint p = quotient(row & 0x7fffffff, s.stride_), q = quotient(col & 0x7fffffff, s.stride_);
	if (p * s.stride != row || q * s.stride != col || p >= s.p || q >= s.q)
		return 0;
	return maps[((image * s.k + filter) * s.p + p) * s.q + q];
}

static uint image_place(struct convolution s, uint channel, uint place)
{
	const uint image = quotient(place, s.hw);
	return (image * s.c + channel) * s.hw.d + place - image * s.hw.d;
}
