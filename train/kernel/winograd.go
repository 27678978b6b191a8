package kernel

// Convolutions with 3 x 3 filters, stride 1, of many channels are computed by
// Winograd's F(4x4, 3x3): a tile of 4 x 4 results costs 36 products per pair of
// channels instead of 144. Values become tiles, tiles become points, and each
// of the 36 points is a matrix product over channels:
//
//	maps:    Y = A' (U_p V_p) A    U = G g G', V = B' d B
//	weights: g = G' (V_p' M_p) G   M = A y A'
//
// The image gradient is the forward map with the filters turned by half a turn
// and their channels exchanged. An infinite value makes all results of its tile
// NaN.
//
// The transforms need channels innermost, so rows of images are transposed on
// input and output. Relative to the largest result the error
// is below 1e-5 (winograd_test.go), about four times that of direct sums.

// Sizes of a tile.
const (
	tileResults = 4
	tileSide    = 6
	tilePoints  = tileSide * tileSide
	filterSide  = 3
	filterTaps  = filterSide * filterSide
)

// winogradSet is the transforms of one instruction set.
type winogradSet struct {
	tilePoints, filterPoints, pointResults twoSidedFunc
	resultPoints, pointFilter              twoSidedFunc
}

// twoSidedFunc writes m x m' for a fixed matrix m, each value of x a vector of
// channels. Strides are in bytes; temp holds 36 vectors.
type twoSidedFunc func(vectors int, x *float32, row, col int, y *float32, yRow, yCol int, temp *float32)

// winogradChannels is the fewest channels, on either side, for which the
// transforms pay off.
const winogradChannels = 24

// byPoints reports whether a convolution is computed by Winograd's algorithm.
func (g Conv) byPoints() bool {
	return active.winograd != nil && g.R == filterSide && g.S == filterSide && g.Stride == 1 && g.Pad <= filterSide-1 &&
		min(g.C, g.K) >= winogradChannels && g.P() >= tileResults && g.Q() >= tileResults
}

// tiling cuts images of one size into tiles, a row of tiles of an image after
// the other.
type tiling struct {
	images         int
	channels       int // of the source
	srcH, srcW     int
	pad            int
	outH, outW     int // results, without what tiles cover beyond
	down, across   int // tiles per image
	stride, vector int // values from one pixel's channels to the next's; vectors of them
}

func newTiling(images, channels, srcH, srcW, pad, outH, outW int) tiling {
	t := tiling{images: images, channels: channels, srcH: srcH, srcW: srcW, pad: pad, outH: outH, outW: outW,
		down: ceilDiv(outH, tileResults), across: ceilDiv(outW, tileResults)}
	t.stride, t.vector = channelStride(channels), channelVectors(channels)
	return t
}

// rows is the number of rows of tiles.
func (t tiling) rows() int { return t.images * t.down }

// channelVectors is the number of vectors that hold a pixel's channels, padded
// to the width of a product's tile.
func channelVectors(channels int) int {
	return ceilDiv(channels, active.width) * active.width / active.lanes
}

// channelStride is the number of values from one pixel's channels to the
// next's: one vector more than needed, so that pixels do not compete for few
// cache lines.
func channelStride(channels int) int { return (channelVectors(channels) + 1) * active.lanes }

// gather writes the rows of pixels that tile row r reads (tileSide of them) or,
// with results set, those it makes (tileResults), channels side by side, into
// band, zero where there are none. It returns the pixels of a row.
func (t tiling) gather(src, band []float32, r int, results bool) (width int) {
	side, pad := tileSide, t.pad
	if results {
		side, pad = tileResults, 0
	}
	width = (t.across-1)*tileResults + side
	image, top := r/t.down, r%t.down*tileResults-pad
	area := t.srcH * t.srcW
	left := max(0, pad)
	columns := min(t.srcW, width-left)
	for i := range side {
		row := band[i*width*t.stride : (i+1)*width*t.stride]
		if top+i < 0 || top+i >= t.srcH {
			clear(row)
			continue
		}
		clear(row[:left*t.stride])
		clear(row[(left+columns)*t.stride:])
		from := src[image*t.channels*area+(top+i)*t.srcW:]
		transposeInto(row[left*t.stride:], t.stride, from, area, t.channels, columns)
	}
	return width
}

// toPoints transforms the tiles of a gathered band to points, tile by tile from
// tile number first on, of tiles in all.
func (t tiling) toPoints(f twoSidedFunc, band []float32, width int, points []float32, first, tiles int,
	temp []float32) {
	bytes := t.stride * sizeOfFloat
	for x := range t.across {
		f(t.vector, &band[x*tileResults*t.stride], width*bytes, bytes,
			&points[(first+x)*t.stride], tileSide*tiles*bytes, tiles*bytes, &temp[0])
	}
}

// winogradTiles is about how many tiles form one part of a map: enough for tall
// products, few enough that their points stay in the second-level cache.
const winogradTiles = 24

// winogradMaps is the forward map, or the image gradient where turned.
type winogradMaps struct {
	t       tiling
	turned  bool
	out     int // channels of the result
	outArea int // values of one result channel
	per     int // rows of tiles in one part
	stride  int // of the result's channels
	filters []float32
	x, w, y []float32
	first   bool // whether the parts prepare filters
}

func newWinogradMaps(g Conv, turned bool) *winogradMaps {
	k := &winogradMaps{t: newTiling(g.N, g.C, g.H, g.W, g.Pad, g.P(), g.Q()), out: g.K, turned: turned}
	if turned {
		k.t, k.out = newTiling(g.N, g.K, g.P(), g.Q(), filterSide-1-g.Pad, g.H, g.W), g.C
	}
	k.outArea = k.t.outH * k.t.outW
	k.stride = channelStride(k.out)
	k.per = max(1, winogradTiles/k.t.across)
	return k
}

// run computes y from x and the filters w, (K, C, 3, 3) whichever way.
func (k *winogradMaps) run(p *Pool, x, w, y []float32) {
	k.x, k.w, k.y = x, w, y
	k.filters = p.common(0, tilePoints*k.t.channels*k.stride)
	k.first = true
	p.Run(ceilDiv(k.t.channels, filterGroup), k)
	k.first = false
	p.Run(ceilDiv(k.t.rows(), k.per), k)
	k.x, k.w, k.y, k.filters = nil, nil, nil, nil
}

// Part implements Task: the filters of some source channels, or some rows of
// tiles.
func (k *winogradMaps) Part(s *Scratch, part int) {
	if k.first {
		k.prepare(s, part)
		return
	}
	first := part * k.per
	rows := min(k.per, k.t.rows()-first)
	tiles := rows * k.t.across
	v, m := s.floats(0, tilePoints*tiles*k.t.stride), s.floats(1, tilePoints*tiles*k.stride)
	band, temp := s.floats(2, k.bandSize()), s.floats(3, tilePoints*active.lanes)
	for r := range rows {
		width := k.t.gather(k.x, band, first+r, false)
		k.t.toPoints(active.winograd.tilePoints, band, width, v, r*k.t.across, tiles, temp)
	}
	for point := range tilePoints {
		multiplyPoints(v[point*tiles*k.t.stride:], k.t.stride, 1, k.filters[point*k.t.channels*k.stride:], k.stride,
			m[point*tiles*k.stride:], k.stride, tiles, k.out, k.t.channels, false)
	}
	for r := range rows {
		k.scatter(m, band, first+r, r*k.t.across, tiles, temp)
	}
}

// bandSize is the largest band of pixels that a row of tiles reads or makes.
func (k *winogradMaps) bandSize() int {
	return max(tileSide*(k.t.across*tileResults+tileSide)*k.t.stride, tileResults*k.t.across*tileResults*k.stride)
}

// filterGroup is how many source channels' filters are transformed at once: the
// size of a block of the transpose.
const filterGroup = 16

// prepare transforms the filters that read a group of source channels: for
// each of them a row of the result's channels for each of the 36 points.
func (k *winogradMaps) prepare(s *Scratch, group int) {
	first := group * filterGroup
	count := min(filterGroup, k.t.channels-first)
	taps, temp := s.floats(2, count*filterTaps*k.stride), s.floats(3, tilePoints*active.lanes)
	clear(taps)
	row, col := filterSide*k.stride*sizeOfFloat, k.stride*sizeOfFloat
	from := 0
	if k.turned { // the filter of result channel j is w[c, j], turned
		for c := range count {
			transposeInto(taps[c*filterTaps*k.stride:], k.stride, k.w[(first+c)*k.out*filterTaps:], filterTaps, k.out,
				filterTaps)
		}
		row, col, from = -row, -col, (filterTaps-1)*k.stride
	} else { // the filter of result channel j is w[j, c]
		transposeInto(taps, k.stride, k.w[first*filterTaps:], k.t.channels*filterTaps, k.out, count*filterTaps)
	}
	point := k.t.channels * k.stride * sizeOfFloat
	for c := range count {
		active.winograd.filterPoints(channelVectors(k.out), &taps[c*filterTaps*k.stride+from], row, col,
			&k.filters[(first+c)*k.stride], tileSide*point, point, &temp[0])
	}
}

// scatter computes and writes the results of one row of tiles.
func (k *winogradMaps) scatter(m, band []float32, r, first, tiles int, temp []float32) {
	width, bytes := k.t.across*tileResults, k.stride*sizeOfFloat
	for x := range k.t.across {
		active.winograd.pointResults(channelVectors(k.out), &m[(first+x)*k.stride], tileSide*tiles*bytes, tiles*bytes,
			&band[x*tileResults*k.stride], width*bytes, bytes, &temp[0])
	}
	image, top := r/k.t.down, r%k.t.down*tileResults
	for i := range min(tileResults, k.t.outH-top) {
		to := k.y[image*k.out*k.outArea+(top+i)*k.t.outW:]
		transposeInto(to, k.outArea, band[i*width*k.stride:], k.stride, k.t.outW, k.out)
	}
}

// multiplyPoints computes C = A B, or adds it to C, for n columns rounded up to
// whole tiles: A m x depth with strides rs and cs, B depth x n and C m x n with
// row strides bs and cs, in values.
func multiplyPoints(a []float32, rs, cs int, b []float32, bs int, c []float32, ldc, m, n, depth int, add bool) {
	height := ceilDiv(m, ceilDiv(m, active.height)) // tiles of even heights
	for j := 0; j < n; j += active.width {
		for i := 0; i < m; i += height {
			active.tiles[min(height, m-i)](depth, &a[i*rs], rs*sizeOfFloat, cs*sizeOfFloat, &b[j], bs*sizeOfFloat,
				&c[i*ldc+j], ldc*sizeOfFloat, 1, add)
		}
	}
}
