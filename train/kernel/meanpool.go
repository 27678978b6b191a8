package kernel

// MeanPool averages windows of Size x Size that lie side by side (Stride is
// Size); what does not fill a window is left out.
type MeanPool struct {
	w      Windows
	x, out []float32
}

// NewMeanPool prepares the operation.
func NewMeanPool(w Windows) *MeanPool { return &MeanPool{w: w} }

// Run fills out, Maps x P x Q, from x, Maps x H x W.
func (k *MeanPool) Run(p *Pool, x, out []float32) {
	k.x, k.out = x, out
	p.Run(ceilDiv(k.w.Maps, k.w.perPart()), k)
	k.x, k.out = nil, nil
}

// Part implements Task: several maps.
func (k *MeanPool) Part(_ *Scratch, part int) {
	w := k.w
	area, small, first := w.H*w.W, w.P()*w.Q(), part*w.perPart()
	last := min(w.Maps, first+w.perPart())
	w.Mean(last-first, k.x[first*area:last*area], k.out[first*small:last*small])
}

// Mean fills out, maps x P x Q, from x, maps x H x W, on the caller's goroutine.
func (w Windows) Mean(maps int, x, out []float32) {
	area, rows, cols := w.H*w.W, w.P(), w.Q()
	share := 1 / float32(w.Size*w.Size)
	for m := range maps {
		x, out := x[m*area:(m+1)*area], out[m*rows*cols:(m+1)*rows*cols]
		if w.pairs() && active.vectors != nil {
			w.inVectors(func(at int) {
				active.vectors.poolMean(rows, &x[2*at], w.W*sizeOfFloat, &out[at], cols*sizeOfFloat)
			}, func(masks *int32) {
				active.vectors.poolMeanMasked(rows, &x[0], w.W*sizeOfFloat, &out[0], cols*sizeOfFloat, masks)
			})
			continue
		}
		for i := range rows {
			w.meanRow(out[i*cols:(i+1)*cols], x[i*w.Size*w.W:], share)
		}
	}
}

// inVectors calls wide with the first window of each vector of a row, or masked
// with the masks of a row that fills no vector. The last vector of a row starts
// early enough to be whole.
func (w Windows) inVectors(wide func(at int), masked func(masks *int32)) {
	q := w.Q()
	if q < vectorValues {
		masked(&partialMasks[q][0])
		return
	}
	for j := 0; j < q; j += vectorValues {
		wide(min(j, q-vectorValues))
	}
}

// meanRow averages one row of windows, whose first row x begins with.
func (w Windows) meanRow(dst, x []float32, share float32) {
	for j := range dst {
		sum := float32(0)
		for r := range w.Size {
			for _, v := range x[r*w.W+j*w.Size : r*w.W+(j+1)*w.Size] {
				sum += v
			}
		}
		dst[j] = sum * share
	}
}

// MeanSpread is the adjoint of MeanPool: each value goes to all places of its
// window, divided by their number; places outside all windows get zero.
type MeanSpread struct {
	w      Windows
	g, out []float32
}

// NewMeanSpread prepares the operation.
func NewMeanSpread(w Windows) *MeanSpread { return &MeanSpread{w: w} }

// Run fills out, Maps x H x W, from g, Maps x P x Q.
func (k *MeanSpread) Run(p *Pool, g, out []float32) {
	k.g, k.out = g, out
	p.Run(ceilDiv(k.w.Maps, k.w.perPart()), k)
	k.g, k.out = nil, nil
}

// Part implements Task: several maps.
func (k *MeanSpread) Part(_ *Scratch, part int) {
	w := k.w
	area, small, first := w.H*w.W, w.P()*w.Q(), part*w.perPart()
	last := min(w.Maps, first+w.perPart())
	w.Spread(last-first, k.g[first*small:last*small], k.out[first*area:last*area])
}

// Spread fills out, maps x H x W, from g, maps x P x Q, on the caller's
// goroutine.
func (w Windows) Spread(maps int, g, out []float32) {
	area, rows, cols := w.H*w.W, w.P(), w.Q()
	fast := w.pairs() && active.vectors != nil
	covered := w.H%w.Size == 0 && w.W%w.Size == 0
	for m := range maps {
		g, out := g[m*rows*cols:(m+1)*rows*cols], out[m*area:(m+1)*area]
		if !covered {
			clear(out)
		}
		if fast {
			w.inVectors(func(at int) {
				active.vectors.poolSpread(rows, &out[2*at], w.W*sizeOfFloat, &g[at], cols*sizeOfFloat)
			}, func(masks *int32) {
				active.vectors.poolSpreadMasked(rows, &out[0], w.W*sizeOfFloat, &g[0], cols*sizeOfFloat, masks)
			})
			continue
		}
		w.spreadRows(g, out)
	}
}

func (w Windows) spreadRows(g, out []float32) {
	cols, share := w.Q(), 1/float32(w.Size*w.Size)
	for i := range w.P() * w.Size {
		row := out[i*w.W : (i+1)*w.W]
		for j := range cols * w.Size {
			row[j] = g[i/w.Size*cols+j/w.Size] * share
		}
	}
}
