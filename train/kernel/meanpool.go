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
	area, rows, cols, per := w.H*w.W, w.P(), w.Q(), w.perPart()
	share := 1 / float32(w.Size*w.Size)
	for m := part * per; m < min(w.Maps, (part+1)*per); m++ {
		x, out := k.x[m*area:(m+1)*area], k.out[m*rows*cols:(m+1)*rows*cols]
		for i := range rows {
			w.meanRow(out[i*cols:(i+1)*cols], x[i*w.Size*w.W:], share)
		}
	}
}

// meanRow averages one row of windows, whose first row x begins with.
func (w Windows) meanRow(dst, x []float32, share float32) {
	if w.Size == 2 {
		above, below := x[:2*len(dst)], x[w.W:w.W+2*len(dst)]
		for j := range dst {
			dst[j] = (above[2*j] + above[2*j+1] + below[2*j] + below[2*j+1]) * share
		}
		return
	}
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
	area, rows, cols, per := w.H*w.W, w.P(), w.Q(), w.perPart()
	share, covered := 1/float32(w.Size*w.Size), cols*w.Size
	for m := part * per; m < min(w.Maps, (part+1)*per); m++ {
		g, out := k.g[m*rows*cols:(m+1)*rows*cols], k.out[m*area:(m+1)*area]
		for i := range w.H {
			row := out[i*w.W : (i+1)*w.W]
			switch {
			case i >= rows*w.Size:
				clear(row)
				continue
			case i%w.Size > 0:
				copy(row, out[(i-1)*w.W:i*w.W])
				continue
			}
			for j := range covered {
				row[j] = g[i/w.Size*cols+j/w.Size] * share
			}
			clear(row[covered:])
		}
	}
}
