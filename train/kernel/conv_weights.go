package kernel

// weightBytes bounds the images prepared at once for a weight gradient, so that
// they stay in the second-level cache. It also fixes the order of the sum.
const weightBytes = 1 << 20

// ConvWeights is the gradient of the forward map with respect to the filters:
// for each filter and tap, the dot product of a channel of maps, spread to the
// padded width, with the run of the padded image that the tap reads.
type ConvWeights struct {
	g          Conv
	other      mapper // nil: dot products of long runs
	padW       int
	steps      int   // vectors in one channel of spread maps
	chunk      int   // images prepared at once
	strideX    int   // values of one padded image
	strideY    int   // values of one image's spread maps
	offsets    []int // of each tap, in bytes, repeated to fill the last tile
	padded     []float32
	spread     []float32
	x, y, w    []float32
	first, now int  // the chunk at work
	tiles      bool // whether the parts are tiles, not images
}

// NewConvWeights prepares the weight gradient. It holds up to about a megabyte.
func NewConvWeights(g Conv) *ConvWeights {
	switch {
	case g.byPoints():
		return &ConvWeights{g: g, other: newWinogradWeights(g)}
	case g.byBands():
		return &ConvWeights{g: g, other: newBandWeights(g)}
	}
	padH, padW := g.H+2*g.Pad, g.W+2*g.Pad
	lanes := active.lanes
	k := &ConvWeights{g: g, padW: padW}
	k.steps = ceilDiv((g.P()-1)*g.Stride*padW+(g.Q()-1)*g.Stride+1, lanes)
	k.strideX, k.strideY = g.C*padH*padW+lanes, g.K*k.steps*lanes
	k.chunk = min(g.N, max(1, weightBytes/(sizeOfFloat*(k.strideX+k.strideY))))
	k.padded, k.spread = make([]float32, k.chunk*k.strideX), make([]float32, k.chunk*k.strideY)
	c := correlation{in: g.C, r: g.R, s: g.S, padH: padH, padW: padW}
	c.build()
	k.offsets = c.offsets
	for len(k.offsets)%active.dotColumns != 0 {
		k.offsets = append(k.offsets, 0)
	}
	return k
}

// Run computes w (K, C, R, S) from x (N, C, H, W) and y (N, K, P, Q).
func (k *ConvWeights) Run(p *Pool, x, y, w []float32) {
	if k.other != nil {
		k.other.run(p, x, y, w)
		return
	}
	k.x, k.y, k.w = x, y, w
	clear(w)
	for k.first = 0; k.first < k.g.N; k.first += k.chunk {
		k.now = min(k.chunk, k.g.N-k.first)
		k.tiles = false
		p.Run(k.now, k)
		k.tiles = true
		p.Run(len(k.offsets)/active.dotColumns, k)
	}
	k.x, k.y, k.w = nil, nil, nil
}

// Part implements Task: one image to prepare, or one column of tiles.
func (k *ConvWeights) Part(s *Scratch, i int) {
	if k.tiles {
		k.columns(s, i*active.dotColumns)
		return
	}
	g := k.g
	in, out, n := g.C*g.H*g.W, g.K*g.P()*g.Q(), k.first+i
	place(k.padded[i*k.strideX:(i+1)*k.strideX], k.x[n*in:(n+1)*in], g.C, g.H, g.W, g.H+2*g.Pad, k.padW, g.Pad, g.Pad, 1)
	run := k.steps * active.lanes
	for f := range g.K {
		dst, src := k.spread[i*k.strideY+f*run:i*k.strideY+(f+1)*run], k.y[n*out+f*g.P()*g.Q():]
		for r := range g.P() {
			from, to := src[r*g.Q():(r+1)*g.Q()], dst[r*g.Stride*k.padW:]
			if g.Stride == 1 {
				copy(to, from)
				continue
			}
			for j, v := range from {
				to[j*g.Stride] = v
			}
		}
	}
}

// columns adds the chunk's share of the gradient of the taps from first on.
func (k *ConvWeights) columns(s *Scratch, first int) {
	lanes, cols := active.lanes, active.dotColumns
	taps, run := k.g.C*k.g.R*k.g.S, k.steps*lanes
	height := ceilDiv(k.g.K, ceilDiv(k.g.K, len(active.dotTiles)-1))
	sums := s.floats(2, height*cols*lanes)
	for f := 0; f < k.g.K; f += height {
		h := min(height, k.g.K-f)
		active.dotTiles[h](k.now, k.steps, &k.spread[f*run], run*sizeOfFloat, (k.strideY-run)*sizeOfFloat,
			&k.padded[0], (k.strideX-run)*sizeOfFloat, &k.offsets[first], &sums[0])
		for i := range h {
			for j := first; j < min(taps, first+cols); j++ {
				at := (i*cols + j - first) * lanes
				k.w[(f+i)*taps+j] += inLanes(sums[at:at+lanes], nil)
			}
		}
	}
}
