package kernel

// winogradChunk is about how many tiles a weight gradient holds as points at
// once. It also fixes the order of the sum.
const winogradChunk = 192

// winogradWeights is the gradient with respect to the filters: the points of
// tiles and of results are multiplied over all tiles, a chunk at a time.
type winogradWeights struct {
	x, y        tiling
	c, k        int
	chunk, per  int // rows of tiles in a chunk, and in one part of its preparation
	src, grad   []float32
	out         []float32
	v, m, sum   []float32 // points of tiles, points of results, their products
	first, rows int       // the chunk at work
	stage       int
}

// The stages of a weight gradient, which decide what a part is.
const (
	someTiles   = iota // rows of tiles to transform
	onePoint           // a point's product
	someFilters        // some input channels' filters to transform back
)

func newWinogradWeights(g Conv) *winogradWeights {
	k := &winogradWeights{c: g.C, k: g.K, x: newTiling(g.N, g.C, g.H, g.W, g.Pad, g.P(), g.Q()),
		y: newTiling(g.N, g.K, g.P(), g.Q(), 0, g.P(), g.Q())}
	k.chunk = min(k.x.rows(), max(1, winogradChunk/k.x.across))
	k.per = max(1, winogradTiles/k.x.across)
	return k
}

// run computes w (K, C, 3, 3) from x (N, C, H, W) and y (N, K, P, Q).
func (k *winogradWeights) run(p *Pool, x, y, w []float32) {
	if k.x.images == 0 {
		clear(w)
		return
	}
	tiles := k.chunk * k.x.across
	k.src, k.grad, k.out = x, y, w
	k.sum = p.common(0, tilePoints*k.c*k.y.stride)
	k.v, k.m = p.common(1, tilePoints*tiles*k.x.stride), p.common(2, tilePoints*tiles*k.y.stride)
	for k.first = 0; k.first < k.x.rows(); k.first += k.chunk {
		k.rows = min(k.chunk, k.x.rows()-k.first)
		k.stage = someTiles
		p.Run(ceilDiv(k.rows, k.per), k)
		k.stage = onePoint
		p.Run(tilePoints, k)
	}
	k.stage = someFilters
	p.Run(ceilDiv(k.c, filterGroup), k)
	k.src, k.grad, k.out, k.sum, k.v, k.m = nil, nil, nil, nil, nil, nil
}

// Part implements Task.
func (k *winogradWeights) Part(s *Scratch, part int) {
	tiles := k.rows * k.x.across
	switch k.stage {
	case someTiles:
		k.points(s, part*k.per, min(k.per, k.rows-part*k.per), tiles)
	case onePoint:
		multiplyPoints(k.v[part*tiles*k.x.stride:], 1, k.x.stride, k.m[part*tiles*k.y.stride:], k.y.stride,
			k.sum[part*k.c*k.y.stride:], k.y.stride, k.c, k.k, tiles, k.first > 0)
	default:
		k.filters(s, part)
	}
}

// points transforms some rows of tiles of the chunk, and of results.
func (k *winogradWeights) points(s *Scratch, first, rows, tiles int) {
	band := s.floats(2, tileSide*(k.x.across*tileResults+tileSide)*max(k.x.stride, k.y.stride))
	temp := s.floats(3, tilePoints*active.lanes)
	for r := first; r < first+rows; r++ {
		width := k.x.gather(k.src, band, k.first+r, false)
		k.x.toPoints(active.winograd.tilePoints, band, width, k.v, r*k.x.across, tiles, temp)
		width = k.y.gather(k.grad, band, k.first+r, true)
		k.y.toPoints(active.winograd.resultPoints, band, width, k.m, r*k.x.across, tiles, temp)
	}
}

// filters transforms the products of a group of input channels back to
// filters.
func (k *winogradWeights) filters(s *Scratch, group int) {
	first := group * filterGroup
	count := min(filterGroup, k.c-first)
	taps, temp := s.floats(2, count*filterTaps*k.y.stride), s.floats(3, tilePoints*active.lanes)
	point, bytes := k.c*k.y.stride*sizeOfFloat, k.y.stride*sizeOfFloat
	for c := range count {
		active.winograd.pointFilter(k.y.vector, &k.sum[(first+c)*k.y.stride], tileSide*point, point,
			&taps[c*filterTaps*k.y.stride], filterSide*bytes, bytes, &temp[0])
	}
	transposeInto(k.out[first*filterTaps:], k.c*filterTaps, taps, k.y.stride, count*filterTaps, k.k)
}
