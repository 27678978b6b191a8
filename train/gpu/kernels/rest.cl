// Everything that is neither a product nor a chain of functions of single values. Sums have a
// fixed order and nothing is added atomically, so that results are the same in every run.

// sum_parts adds up the results of a product whose depth was split.
KERNEL void sum_parts(__global const uint *lanes, READS(x), WRITES(y), uint n, uint parts)
{
	LOCATE(x);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= n)
		return;
	float sum = 0;
	for (uint part = 0; part < parts; part++)
		sum += x[(ulong)part * n + i];
	y[i] = sum;
}

// copy copies n values.
KERNEL void copy(__global const uint *lanes, READS(x), WRITES(y), uint n)
{
	LOCATE(x);
	LOCATE(y);
	const uint i = INDEX;
	if (i < n)
		y[i] = x[i];
}

// transpose: x is rows x cols.
KERNEL void transpose(__global const uint *lanes, READS(x), WRITES(y), uint n, uint rows, struct divisor row)
{
	LOCATE(x);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= n)
		return;
	const uint col = quotient(i, row); // of x; y is cols x rows
	y[i] = x[(i - col * rows) * (n / rows) + col];
}

// Maps: planes of height x width, by a result of rows x cols.
struct planes { uint n, height, width, rows, cols; struct divisor plane, col; };

#define PLACE(s)                                                                 \
	const uint plane = quotient(i, s.plane), place = i - plane * s.plane.d;  \
	const uint row = quotient(place, s.col), col = place - row * s.cols

// border adds a margin of a constant (shift > 0), or removes one (shift < 0).
KERNEL void border(__global const uint *lanes, READS(x), WRITES(y), struct planes s, int shift, float value)
{
	LOCATE(x);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= s.n)
		return;
	PLACE(s);
	const uint r = row - shift, c = col - shift;
	y[i] = r < s.height && c < s.width ? x[(plane * s.height + r) * s.width + c] : value;
}

// mean_pool: the mean of each window of size x size.
KERNEL void mean_pool(__global const uint *lanes, READS(x), WRITES(y), struct planes s, uint size)
{
	LOCATE(x);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= s.n)
		return;
	PLACE(s);
	x += (plane * s.height + row * size) * s.width + col * size;
	float sum = 0;
	for (uint r = 0; r < size; r++)
		for (uint c = 0; c < size; c++)
			sum += x[r * s.width + c];
	y[i] = sum / (size * size);
}

// mean_spread: each place of a window gets its share of the window's value; x is height x width.
KERNEL void mean_spread(__global const uint *lanes, READS(x), WRITES(y), struct planes s, uint size, struct divisor by)
{
	LOCATE(x);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= s.n)
		return;
	PLACE(s);
	const uint r = quotient(row, by), c = quotient(col, by);
	y[i] = r < s.height && c < s.width ? x[(plane * s.height + r) * s.width + c] / (size * size) : 0;
}

// largest is the place in a plane of the first largest value of a window.
static uint largest(__global const float *x, uint corner, uint width, uint size)
{
	uint at = corner;
	float most = x[corner];
	for (uint r = 0; r < size; r++)
		for (uint c = 0; c < size; c++)
			if (x[corner + r * width + c] > most) {
				at = corner + r * width + c;
				most = x[at];
			}
	return at;
}

// pick takes from v the value where x is largest in each window.
KERNEL void pick(__global const uint *lanes, READS(x), READS(v), WRITES(y), struct planes s, uint size, uint stride)
{
	LOCATE(x);
	LOCATE(v);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= s.n)
		return;
	PLACE(s);
	const uint corner = row * stride * s.width + col * stride, start = plane * s.height * s.width;
	y[i] = v[start + largest(x + start, corner, s.width, size)];
}

// scatter adds the values of v, one per window (windows of it are height x width), where x is
// largest in the window: each place of x asks the windows that it lies in.
KERNEL void scatter(__global const uint *lanes, READS(x), READS(v), WRITES(y), struct planes s, uint size, uint stride,
		    struct divisor by)
{
	LOCATE(x);
	LOCATE(v);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= s.n)
		return;
	PLACE(s);
	const uint row_end = LEAST(quotient(row, by) + 1, s.height), col_end = LEAST(quotient(col, by) + 1, s.width);
	const uint row_start = row < size ? 0 : quotient(row - size, by) + 1;
	const uint col_start = col < size ? 0 : quotient(col - size, by) + 1;
	x += plane * s.plane.d;
	float sum = 0;
	for (uint r = row_start; r < row_end; r++)
		for (uint c = col_start; c < col_end; c++)
			if (largest(x, r * stride * s.cols + c * stride, s.cols, size) == place)
				sum += v[(plane * s.height + r) * s.width + c];
	y[i] = sum;
}

// channel_sum adds up the channels from before to after each.
KERNEL void channel_sum(__global const uint *lanes, READS(x), WRITES(y), uint n, uint channels, struct divisor area,
			struct divisor image, uint before, uint after)
{
	LOCATE(x);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= n)
		return;
	const uint plane = quotient(i, area), channel = plane - quotient(i, image) * channels;
	const uint first = channel < before ? 0 : channel - before, last = LEAST(channel + after, channels - 1);
	float sum = 0;
	for (uint c = first; c <= last; c++)
		sum += x[i + c * area.d - channel * area.d];
	y[i] = sum;
}

// gather takes rows by index. An index that is no row gives NaN.
KERNEL void gather(__global const uint *lanes, READS(x), READS(index), WRITES(y), uint n, struct divisor row, uint rows)
{
	LOCATE(x);
	LOCATE(index);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= n)
		return;
	const uint to = quotient(i, row);
	const float from = index[to];
	y[i] = from >= 0 && from < rows ? x[(ulong)((uint)from) * row.d + i - to * row.d] : from - from + 0.0f / 0.0f;
}

// spread adds rows back: each row of y looks for its number among the indices.
KERNEL void spread(__global const uint *lanes, READS(x), READS(index), WRITES(y), uint n, struct divisor row, uint count)
{
	LOCATE(x);
	LOCATE(index);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= n)
		return;
	const uint own = quotient(i, row);
	float sum = 0;
	for (uint from = 0; from < count; from++)
		if ((uint)index[from] == own)
			sum += x[from * row.d + i - own * row.d];
	y[i] = sum;
}

// log_softmax of rows, one group a row.
KERNEL void log_softmax(__global const uint *lanes, READS(x), WRITES(y), uint cols)
{
	__local float all[ITEMS];
	LOCATE(x);
	LOCATE(y);
	x += GROUP(0) * cols;
	y += GROUP(0) * cols;
	const uint item = ITEM;
	float most = -3.402823466e38f;
	for (uint c = item; c < cols; c += ITEMS)
		most = MOST(most, x[c]);
	all[item] = most;
	WAIT();
	for (uint step = ITEMS / 2; step > 0; step /= 2) {
		if (item < step)
			all[item] = MOST(all[item], all[item + step]);
		WAIT();
	}
	most = all[0];
	WAIT();
	float sum = 0;
	for (uint c = item; c < cols; c += ITEMS)
		sum += EXP(x[c] - most);
	all[item] = sum;
	WAIT();
	for (uint step = ITEMS / 2; step > 0; step /= 2) {
		if (item < step)
			all[item] += all[item + step];
		WAIT();
	}
	const float shift = most + LOG(all[0]);
	for (uint c = item; c < cols; c += ITEMS)
		y[c] = x[c] - shift;
}

// Bilinear sampling of planes (height x width) at a grid of rows x cols.
struct warp { uint n, channels, height, width, rows, cols; struct divisor plane, col, image; uint corners, edge; };

// coordinate of pixel i of n, and its reverse, both in [-1, 1].
static float coordinate(struct warp s, uint i, uint n)
{
	if (!s.corners)
		return (2 * (float)i + 1) / n - 1;
	return n == 1 ? -1.0f : 2 * (float)i / (n - 1) - 1;
}

static float pixel(struct warp s, float x, uint n)
{
	float at = s.corners ? (x + 1) / 2 * (n - 1) : ((x + 1) * n - 1) / 2;
	return s.edge ? LEAST(MOST(at, 0.0f), (float)(n - 1)) : at;
}

KERNEL void warp(__global const uint *lanes, READS(x), READS(taps), WRITES(y), struct warp s)
{
	LOCATE(x);
	LOCATE(taps);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= s.n)
		return;
	PLACE(s);
	__global const float *t = taps + 6 * quotient(i, s.image);
	const float u = coordinate(s, col, s.cols), v = coordinate(s, row, s.rows);
	const float at_col = pixel(s, t[0] * u + t[1] * v + t[2], s.width), at_row = pixel(s, t[3] * u + t[4] * v + t[5], s.height);
	const float left = FLOOR(at_col), top = FLOOR(at_row), right_part = at_col - left, low_part = at_row - top;
	x += plane * s.height * s.width;
	float sum = 0;
	if (left >= -1 && left < s.width && top >= -1 && top < s.height) {
		const int c = (int)left, r = (int)top, w = s.width;
		const int inside_left = c >= 0, inside_right = c + 1 < w, inside_top = r >= 0, inside_low = r + 1 < (int)s.height;
		if (inside_top && inside_left)
			sum += (1 - low_part) * (1 - right_part) * x[r * w + c];
		if (inside_top && inside_right)
			sum += (1 - low_part) * right_part * x[r * w + c + 1];
		if (inside_low && inside_left)
			sum += low_part * (1 - right_part) * x[(r + 1) * w + c];
		if (inside_low && inside_right)
			sum += low_part * right_part * x[(r + 1) * w + c + 1];
	}
	y[i] = sum;
}

// warp_back adds values of the grid to the pixels that warp would read for them. Each pixel looks
// through the part of the grid that can reach it: the inverse of the matrix bounds it. A pixel
// at the edge looks everywhere when the edge is repeated, as does every pixel when there is no
// inverse. height x width is the grid, rows x cols the image.
KERNEL void warp_back(__global const uint *lanes, READS(x), READS(taps), WRITES(y), struct warp s)
{
	LOCATE(x);
	LOCATE(taps);
	LOCATE(y);
	const uint i = INDEX;
	if (i >= s.n)
		return;
	PLACE(s);
	__global const float *t = taps + 6 * quotient(i, s.image);
	uint row_start = 0, row_end = s.height, col_start = 0, col_end = s.width;
	// In pixels: image = A grid + b, by the scale of both.
	const float gc = s.corners ? 2.0f / MOST(s.width - 1, 1u) : 2.0f / s.width;
	const float gr = s.corners ? 2.0f / MOST(s.height - 1, 1u) : 2.0f / s.height;
	const float ic = s.corners ? (s.cols - 1) / 2.0f : s.cols / 2.0f, ir = s.corners ? (s.rows - 1) / 2.0f : s.rows / 2.0f;
	const float a = t[0] * gc * ic, b = t[1] * gr * ic, c = t[3] * gc * ir, d = t[4] * gr * ir, det = a * d - b * c;
	const int outermost = row == 0 || col == 0 || row == s.rows - 1 || col == s.cols - 1;
	if (ABS(det) > 1e-3f && !(s.edge && outermost)) {
		const float u = coordinate(s, 0, s.width), v = coordinate(s, 0, s.height);
		const float col_0 = ((t[0] * u + t[1] * v + t[2]) + 1) * ic - (s.corners ? 0 : 0.5f);
		const float row_0 = ((t[3] * u + t[4] * v + t[5]) + 1) * ir - (s.corners ? 0 : 0.5f);
		const float e = col - col_0, f = row - row_0;
		const float mid_col = (d * e - b * f) / det, mid_row = (a * f - c * e) / det;
		const float reach_col = (ABS(d) + ABS(b)) / ABS(det) + 1, reach_row = (ABS(a) + ABS(c)) / ABS(det) + 1;
		col_start = (uint)LEAST(MOST(mid_col - reach_col, 0.0f), (float)s.width);
		col_end = (uint)LEAST(MOST(mid_col + reach_col + 1, 0.0f), (float)s.width);
		row_start = (uint)LEAST(MOST(mid_row - reach_row, 0.0f), (float)s.height);
		row_end = (uint)LEAST(MOST(mid_row + reach_row + 1, 0.0f), (float)s.height);
	}
	x += plane * s.height * s.width;
	struct warp back = s;
	float sum = 0;
	for (uint r = row_start; r < row_end; r++)
		for (uint q = col_start; q < col_end; q++) {
			const float u = coordinate(back, q, s.width), v = coordinate(back, r, s.height);
			const float at_col = pixel(back, t[0] * u + t[1] * v + t[2], s.cols);
			const float at_row = pixel(back, t[3] * u + t[4] * v + t[5], s.rows);
			const float away_col = ABS(at_col - col), away_row = ABS(at_row - row);
			if (away_col < 1 && away_row < 1)
				sum += (1 - away_col) * (1 - away_row) * x[r * s.width + q];
		}
	y[i] = sum;
}

// The sum of a and b as a number and what it lacks.
static float2 two_sum(float a, float b)
{
	const float sum = a + b, part = sum - a;
	return (float2)(sum, (a - (sum - part)) + (b - part));
}

static float2 add_twice(float2 a, float2 b)
{
	const float2 high = two_sum(a.x, b.x);
	return two_sum(high.x, high.y + (a.y + b.y));
}

// differences adds up |a - b|, or its square, with twice the digits: y gets three numbers that add up
// to the sum.
KERNEL void differences(__global const uint *lanes, READS(a), READS(b), WRITES(y), uint n, uint squared)
{
	__local float high[ITEMS], low[ITEMS];
	LOCATE(a);
	LOCATE(b);
	LOCATE(y);
	const uint item = ITEM;
	float2 sum = (float2)(0, 0);
	for (uint i = item; i < n; i += ITEMS) {
		const float2 d = two_sum(a[i], -b[i]);
		if (!squared) {
			sum = add_twice(sum, d.x < 0 ? -d : d);
			continue;
		}
		const float square = d.x * d.x;
		sum = add_twice(sum, (float2)(square, FMA(d.x, d.x, -square) + 2 * d.x * d.y));
	}
	high[item] = sum.x;
	low[item] = sum.y;
	WAIT();
	for (uint step = ITEMS / 2; step > 0; step /= 2) {
		if (item < step) {
			const float2 both = add_twice((float2)(high[item], low[item]),
						      (float2)(high[item + step], low[item + step]));
			high[item] = both.x;
			low[item] = both.y;
		}
		WAIT();
	}
	if (item == 0) {
		y[0] = high[0];
		y[1] = low[0];
		y[2] = 0;
	}
}
