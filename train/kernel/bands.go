package kernel

// Convolutions to many channels for which Winograd's algorithm does not apply
// work on bands of pixels with channels innermost. For one row of a filter,
// what a pixel of the result reads is then one contiguous run, so that the
// convolution is a sum of matrix products, one per filter row, on the band in
// place:
//
//	maps:    Y[pixel, k] += X[pixel shifted by row r, (s, c)] W[(r, s, c), k]
//	weights: W[(r, s, c), k] += X[pixel shifted, (s, c)]' Y[pixel, k]
//
// Short runs are first gathered into whole patches, a few pixels at a time.

// bandChannels is the fewest result channels for which bands are used, the
// width of a tile.
const bandChannels = 24

// shortRun is the length of a filter row's run below which patches are
// gathered.
const shortRun = 64

// byBands reports whether the forward map is computed on bands.
func (g Conv) byBands() bool { return active.transpose != nil && g.K >= bandChannels }

// turned is the geometry of the image gradient as a forward map, from maps to
// images, with filters turned. It exists only for a stride of one.
func (g Conv) turned() (Conv, bool) {
	t := Conv{N: g.N, C: g.K, H: g.P(), W: g.Q(), K: g.C, R: g.R, S: g.S, Stride: 1, Pad: g.R - 1 - g.Pad}
	return t, g.Stride == 1 && g.R == g.S && t.Pad >= 0
}

// bands is the geometry of pixels with their channels side by side.
type bands struct {
	g      Conv
	width  int // pixels of a band's row, margins included
	run    int // values that one filter row reads
	stride int // values from one result pixel's channels to the next's
}

func newBands(g Conv) bands {
	return bands{g: g, width: g.W + 2*g.Pad, run: g.S * g.C, stride: channelStride(g.K)}
}

// gather writes rows of an image from first on (before margins) into a band.
func (b bands) gather(band, image []float32, first, rows int) {
	g, row := b.g, b.width*b.g.C
	for i := range rows {
		to := band[i*row : (i+1)*row]
		at := first + i - g.Pad
		if at < 0 || at >= g.H {
			clear(to)
			continue
		}
		clear(to[:g.Pad*g.C])
		clear(to[(g.Pad+g.W)*g.C:])
		transposeInto(to[g.Pad*g.C:], g.C, image[at*g.W:], g.H*g.W, g.C, g.W)
	}
}

// bandMaps is the forward map on bands.
type bandMaps struct {
	bands
	turned     bool // whether filters are read as those of an image gradient
	rows, down int  // result rows of a part, parts of an image
	x, w, y    []float32
	filters    []float32 // (r, s, c) x stride
	first      bool      // whether the parts prepare filters
}

func newBandMaps(g Conv, turned bool) *bandMaps {
	k := &bandMaps{bands: newBands(g), turned: turned}
	k.rows = min(g.P(), max(1, 256/g.Q()))
	k.down = ceilDiv(g.P(), k.rows)
	return k
}

// run computes y from x and the filters w, (K, C, R, S) or, turned, (C, K, R, S).
func (k *bandMaps) run(p *Pool, x, w, y []float32) {
	k.x, k.w, k.y = x, w, y
	k.filters = p.common(0, k.g.R*k.bands.run*k.stride)
	k.first = true
	p.Run(k.g.R*k.g.S, k)
	k.first = false
	p.Run(k.g.N*k.down, k)
	k.x, k.w, k.y, k.filters = nil, nil, nil, nil
}

// Part implements Task: the filters' values at one tap, or some rows of an
// image.
func (k *bandMaps) Part(s *Scratch, part int) {
	if k.first {
		k.prepare(part)
		return
	}
	g := k.g
	image, first := part/k.down, part%k.down*k.rows
	rows := min(k.rows, g.P()-first)
	band := s.floats(0, ((k.rows-1)*g.Stride+g.R)*k.width*g.C)
	out := s.floats(1, k.rows*g.Q()*k.stride)
	k.gather(band, k.x[image*g.C*g.H*g.W:], first*g.Stride, (rows-1)*g.Stride+g.R)
	if k.bands.run < shortRun {
		k.byPatches(s, band, out, rows)
	} else {
		k.byRuns(band, out, rows)
	}
	area := g.P() * g.Q()
	transposeInto(k.y[image*g.K*area+first*g.Q():], area, out, k.stride, rows*g.Q(), g.K)
}

// prepare lays out the filters' values at one tap, a row of result channels for
// each source channel.
func (k *bandMaps) prepare(tap int) {
	g, taps := k.g, k.g.R*k.g.S
	for c := range g.C {
		row := k.filters[(tap*g.C+c)*k.stride : (tap*g.C+c+1)*k.stride]
		clear(row[g.K:])
		for j := range g.K {
			if k.turned {
				row[j] = k.w[(c*g.K+j)*taps+taps-1-tap]
			} else {
				row[j] = k.w[(j*g.C+c)*taps+tap]
			}
		}
	}
}

// byRuns adds one product per filter row, for the pixels of a row of results at
// a time. The filter row stays in the first-level cache.
func (k *bandMaps) byRuns(band, out []float32, rows int) {
	g := k.g
	for j := 0; j < g.K; j += active.width {
		for r := range g.R {
			for i := range rows {
				multiplyPoints(band[(i*g.Stride+r)*k.width*g.C:], g.Stride*g.C, 1, k.filters[r*k.bands.run*k.stride+j:], k.stride,
					out[i*g.Q()*k.stride+j:], k.stride, g.Q(), active.width, k.bands.run, r > 0)
			}
		}
	}
}

// byPatches gathers what the pixels of a row of results read, then multiplies
// once.
func (k *bandMaps) byPatches(s *Scratch, band, out []float32, rows int) {
	g := k.g
	depth := g.R * k.bands.run
	patches := s.floats(2, g.Q()*depth)
	for i := range rows {
		for q := range g.Q() {
			for r := range g.R {
				from := band[((i*g.Stride+r)*k.width+q*g.Stride)*g.C:]
				copy(patches[q*depth+r*k.bands.run:q*depth+(r+1)*k.bands.run], from)
			}
		}
		multiplyPoints(patches, depth, 1, k.filters, k.stride, out[i*g.Q()*k.stride:], k.stride, g.Q(), g.K, depth, false)
	}
}
