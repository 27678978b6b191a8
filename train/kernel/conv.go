package kernel

// Conv is the geometry of a convolution: N images of C x H x W, K filters of
// C x R x S, the same stride and zero padding in both directions.
type Conv struct {
	N, C, H, W  int
	K, R, S     int
	Stride, Pad int
}

// P is the height of the result.
func (g Conv) P() int { return (g.H+2*g.Pad-g.R)/g.Stride + 1 }

// Q is the width of the result.
func (g Conv) Q() int { return (g.W+2*g.Pad-g.S)/g.Stride + 1 }

// These convolutions never write out patches (no im2col). In a padded image of width V, the
// value that filter tap (r, s) of channel c needs for result (i, j) lies at
//
//	c area + r V + s   +   i V + j
//
// so for one tap all results read one contiguous run, and a product whose row l
// of B starts at a table's offset for tap l computes them all. Results are
// computed for the padded width; the S-1 superfluous columns of each row are
// dropped on output. A stride keeps every stride-th of them.

// correlation is a stride-1 cross-correlation of one padded image with filters:
// what the forward map and, with turned filters, the image gradient are.
type correlation struct {
	in, out    int // channels
	r, s       int // filter size
	srcH, srcW int
	dilate     int // distance of source values in the padded image
	top, left  int // place of the first source value there; may be negative
	padH, padW int
	keep       int // every keep-th result in each direction is kept
	dstH, dstW int
	offsets    []int // of each tap, in bytes
}

func (c *correlation) build() {
	c.offsets = make([]int, 0, c.in*c.r*c.s)
	for ch := range c.in {
		for r := range c.r {
			for s := range c.s {
				c.offsets = append(c.offsets, ((ch*c.padH+r)*c.padW+s)*sizeOfFloat)
			}
		}
	}
}

// span is the length of one channel's results at padded width.
func (c *correlation) span() int { return (c.dstH-1)*c.keep*c.padW + (c.dstW-1)*c.keep + 1 }

// image correlates one image with filters (out x taps) into dst.
func (c *correlation) image(s *Scratch, src, filters, dst []float32) {
	width, span := active.width, c.span()
	stride := ceilDiv(span, width) * width
	padded := s.floats(0, c.in*c.padH*c.padW+width)
	clear(padded)
	place(padded, src, c.in, c.srcH, c.srcW, c.padH, c.padW, c.top, c.left, c.dilate)
	wide := s.floats(1, c.out*stride)
	taps := len(c.offsets)
	height := ceilDiv(c.out, ceilDiv(c.out, active.height)) // tiles of even heights
	for j := 0; j < span; j += width {
		for i := 0; i < c.out; i += height {
			h := min(height, c.out-i)
			active.tableTiles[h](taps, &filters[i*taps], taps*sizeOfFloat, sizeOfFloat, &padded[j], &c.offsets[0],
				&wide[i*stride+j], stride*sizeOfFloat, 1, false)
		}
	}
	for ch := range c.out {
		for i := range c.dstH {
			row := dst[(ch*c.dstH+i)*c.dstW : (ch*c.dstH+i+1)*c.dstW]
			from := wide[ch*stride+i*c.keep*c.padW:]
			if c.keep == 1 {
				copy(row, from)
				continue
			}
			for j := range row {
				row[j] = from[j*c.keep]
			}
		}
	}
}

// place writes channels of h x w values into padded ones of ph x pw, the first
// value at (top, left), values dilate apart, and leaves the rest unchanged.
// Values that fall outside are left out.
func place(dst, src []float32, channels, h, w, ph, pw, top, left, dilate int) {
	for ch := range channels {
		for i := range h {
			at := top + i*dilate
			if at < 0 || at >= ph {
				continue
			}
			row, from := dst[(ch*ph+at)*pw:(ch*ph+at+1)*pw], src[(ch*h+i)*w:(ch*h+i+1)*w]
			if dilate == 1 && left >= 0 && left+w <= pw {
				copy(row[left:], from)
				continue
			}
			for j, v := range from {
				if to := left + j*dilate; to >= 0 && to < pw {
					row[to] = v
				}
			}
		}
	}
}

// mapper computes a map, by points or on bands, from a source and filters.
type mapper interface {
	run(p *Pool, source, filters, result []float32)
}

// ConvMaps is the forward map: images and filters to feature maps.
type ConvMaps struct {
	g       Conv
	other   mapper // nil: correlations
	c       correlation
	x, w, y []float32
}

// NewConvMaps prepares the forward map.
func NewConvMaps(g Conv) *ConvMaps {
	switch {
	case g.byPoints():
		return &ConvMaps{g: g, other: newWinogradMaps(g, false)}
	case g.byBands():
		return &ConvMaps{g: g, other: newBandMaps(g, false)}
	}
	k := &ConvMaps{g: g, c: correlation{in: g.C, out: g.K, r: g.R, s: g.S, srcH: g.H, srcW: g.W, dilate: 1, top: g.Pad,
		left: g.Pad,
		padH: g.H + 2*g.Pad, padW: g.W + 2*g.Pad, keep: g.Stride, dstH: g.P(), dstW: g.Q()}}
	k.c.build()
	return k
}

// Run computes y (N, K, P, Q) from x (N, C, H, W) and w (K, C, R, S).
func (k *ConvMaps) Run(p *Pool, x, w, y []float32) {
	if k.other != nil {
		k.other.run(p, x, w, y)
		return
	}
	k.x, k.w, k.y = x, w, y
	p.Run(k.g.N, k)
	k.x, k.w, k.y = nil, nil, nil
}

// Part implements Task: one image.
func (k *ConvMaps) Part(s *Scratch, i int) {
	in, out := k.g.C*k.g.H*k.g.W, k.g.K*k.g.P()*k.g.Q()
	k.c.image(s, k.x[i*in:(i+1)*in], k.w, k.y[i*out:(i+1)*out])
}

// ConvImages is the gradient of the forward map with respect to the images: the
// correlation of the dilated maps with the filters turned by half a turn.
type ConvImages struct {
	g      Conv
	other  mapper // nil: correlations
	c      correlation
	turned []float32
	y, x   []float32
}

// NewConvImages prepares the image gradient.
func NewConvImages(g Conv) *ConvImages {
	if g.byPoints() {
		return &ConvImages{g: g, other: newWinogradMaps(g, true)}
	}
	if t, ok := g.turned(); ok && t.byBands() {
		return &ConvImages{g: g, other: newBandMaps(t, true)}
	}
	k := &ConvImages{g: g, turned: make([]float32, g.C*g.K*g.R*g.S), c: correlation{in: g.K, out: g.C, r: g.R, s: g.S,
		srcH: g.P(), srcW: g.Q(), dilate: g.Stride, top: g.R - 1 - g.Pad, left: g.S - 1 - g.Pad, padH: g.H + g.R - 1,
		padW: g.W + g.S - 1,
		keep: 1, dstH: g.H, dstW: g.W}}
	k.c.build()
	return k
}

// Run computes x (N, C, H, W) from y (N, K, P, Q) and w (K, C, R, S).
func (k *ConvImages) Run(p *Pool, y, w, x []float32) {
	if k.other != nil {
		k.other.run(p, y, w, x)
		return
	}
	taps := k.g.R * k.g.S
	for f := range k.g.K {
		for c := range k.g.C {
			from, to := w[(f*k.g.C+c)*taps:(f*k.g.C+c+1)*taps], k.turned[(c*k.g.K+f)*taps:(c*k.g.K+f+1)*taps]
			for t, v := range from {
				to[taps-1-t] = v
			}
		}
	}
	k.y, k.x = y, x
	p.Run(k.g.N, k)
	k.y, k.x = nil, nil
}

// Part implements Task: one image.
func (k *ConvImages) Part(s *Scratch, i int) {
	in, out := k.g.K*k.g.P()*k.g.Q(), k.g.C*k.g.H*k.g.W
	k.c.image(s, k.y[i*in:(i+1)*in], k.turned, k.x[i*out:(i+1)*out])
}
