package kernel

// bandWeights is the gradient with respect to the filters on bands: whole
// images and maps of a chunk, channels side by side, then products of their
// rows.
type bandWeights struct {
	bands
	chunk         int // images prepared at once; fixes the order of the sum
	sizeX, sizeY  int // values of one image and of its maps
	x, y, w       []float32
	bandX, bandY  []float32
	sum           []float32 // (r, s, c) x stride
	first, images int       // the chunk at work
	stage         int
}

// The stages of a weight gradient on bands, which decide what a part is.
const (
	oneImage   = iota // an image to prepare
	someRows          // some rows of the sum
	oneChannel        // a filter to write out
)

func newBandWeights(g Conv) *bandWeights {
	k := &bandWeights{bands: newBands(g)}
	k.sizeX, k.sizeY = (g.H+2*g.Pad)*k.width*g.C, g.P()*g.Q()*k.stride
	k.chunk = min(g.N, max(1, 2*weightBytes/(sizeOfFloat*(k.sizeX+k.sizeY))))
	return k
}

// run computes w (K, C, R, S) from x (N, C, H, W) and y (N, K, P, Q).
func (k *bandWeights) run(p *Pool, x, y, w []float32) {
	k.x, k.y, k.w = x, y, w
	k.sum = p.common(0, k.g.R*k.bands.run*k.stride)
	k.bandX, k.bandY = p.common(1, k.chunk*k.sizeX), p.common(2, k.chunk*k.sizeY)
	clear(k.sum)
	for k.first = 0; k.first < k.g.N; k.first += k.chunk {
		k.images = min(k.chunk, k.g.N-k.first)
		k.stage = oneImage
		p.Run(k.images, k)
		k.stage = someRows
		p.Run(k.g.R*k.blocks(), k)
	}
	k.stage = oneChannel
	p.Run(k.g.K, k)
	k.x, k.y, k.w, k.sum, k.bandX, k.bandY = nil, nil, nil, nil, nil, nil
}

// blocks is the number of parts that a filter row's run is cut into.
func (k *bandWeights) blocks() int { return ceilDiv(k.bands.run, 4*active.height) }

// Part implements Task.
func (k *bandWeights) Part(_ *Scratch, part int) {
	g := k.g
	switch k.stage {
	case oneImage:
		n := k.first + part
		k.gather(k.bandX[part*k.sizeX:], k.x[n*g.C*g.H*g.W:], 0, g.H+2*g.Pad)
		area := g.P() * g.Q()
		transposeInto(k.bandY[part*k.sizeY:], k.stride, k.y[n*g.K*area:], area, g.K, area)
	case someRows:
		r, block := part/k.blocks(), part%k.blocks()
		from := block * 4 * active.height
		k.products(r, from, min(k.bands.run, from+4*active.height))
	default:
		taps := g.R * g.S
		for c := range g.C {
			to := k.w[(part*g.C+c)*taps : (part*g.C+c+1)*taps]
			for t := range to {
				to[t] = k.sum[(t*g.C+c)*k.stride+part]
			}
		}
	}
}

// products adds the chunk's share to rows from to end of a filter row's sum.
func (k *bandWeights) products(r, from, end int) {
	g := k.g
	height := ceilDiv(end-from, ceilDiv(end-from, active.height)) // tiles of even heights
	for at := from; at < end; at += height {
		tile := active.tiles[min(height, end-at)]
		for j := 0; j < g.K; j += active.width {
			sum := &k.sum[(r*k.bands.run+at)*k.stride+j]
			for n := range k.images {
				for i := range g.P() {
					tile(g.Q(), &k.bandX[n*k.sizeX+(i*g.Stride+r)*k.width*g.C+at], sizeOfFloat, g.Stride*g.C*sizeOfFloat,
						&k.bandY[n*k.sizeY+i*g.Q()*k.stride+j], k.stride*sizeOfFloat, sum, k.stride*sizeOfFloat, 1, true)
				}
			}
		}
	}
}
