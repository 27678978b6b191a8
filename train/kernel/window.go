package kernel

// Windows is the geometry of pooling: Maps images of H x W values, windows of
// Size x Size whose corners lie Stride apart.
type Windows struct{ Maps, H, W, Size, Stride int }

// P is the number of windows down.
func (w Windows) P() int { return (w.H-w.Size)/w.Stride + 1 }

// Q is the number of windows across.
func (w Windows) Q() int { return (w.W-w.Size)/w.Stride + 1 }

// overlap tells whether a value may lie in two windows.
func (w Windows) overlap() bool { return w.Stride < w.Size }

// perPart is the number of maps in one part of a task.
func (w Windows) perPart() int { return max(1, grain/max(1, w.H*w.W)) }

// Pick takes from one array the value at the place of each window's maximum in
// another. Of equal values the first in row-major order counts; NaN never wins
// over what precedes it, and loses to nothing that follows.
type Pick struct {
	w         Windows
	x, v, out []float32
}

// NewPick prepares the operation.
func NewPick(w Windows) *Pick { return &Pick{w: w} }

// Run fills out, Maps x P x Q, from x and v, each Maps x H x W. With v = x it is
// max-pooling.
func (k *Pick) Run(p *Pool, x, v, out []float32) {
	k.x, k.v, k.out = x, v, out
	p.Run(ceilDiv(k.w.Maps, k.w.perPart()), k)
	k.x, k.v, k.out = nil, nil, nil
}

// Part implements Task.
func (k *Pick) Part(_ *Scratch, part int) {
	w := k.w
	area, per := w.H*w.W, w.perPart()
	for m := part * per; m < min(w.Maps, (part+1)*per); m++ {
		x, v, out := k.x[m*area:(m+1)*area], k.v[m*area:(m+1)*area], k.out[m*w.P()*w.Q():(m+1)*w.P()*w.Q()]
		for i := range w.P() {
			for j := range w.Q() {
				out[i*w.Q()+j] = v[w.maximum(x, i*w.Stride*w.W+j*w.Stride)]
			}
		}
	}
}

// maximum is the place of the largest value of the window at corner.
func (w Windows) maximum(x []float32, corner int) int {
	if w.Size == 2 {
		at, below := corner, corner+w.W
		if x[corner+1] > x[at] {
			at = corner + 1
		}
		if x[below] > x[at] {
			at = below
		}
		if x[below+1] > x[at] {
			at = below + 1
		}
		return at
	}
	at := corner
	for r := range w.Size {
		for c := range w.Size {
			if i := corner + r*w.W + c; x[i] > x[at] {
				at = i
			}
		}
	}
	return at
}

// Scatter puts values back to the places that Pick takes them from; where
// windows overlap, values add up in the windows' order.
type Scatter struct {
	w         Windows
	x, g, out []float32
}

// NewScatter prepares the operation.
func NewScatter(w Windows) *Scatter { return &Scatter{w: w} }

// Run fills out, Maps x H x W, from x of that shape and g, Maps x P x Q.
func (k *Scatter) Run(p *Pool, x, g, out []float32) {
	k.x, k.g, k.out = x, g, out
	p.Run(ceilDiv(k.w.Maps, k.w.perPart()), k)
	k.x, k.g, k.out = nil, nil, nil
}

// Part implements Task.
func (k *Scatter) Part(_ *Scratch, part int) {
	w := k.w
	area, per := w.H*w.W, w.perPart()
	for m := part * per; m < min(w.Maps, (part+1)*per); m++ {
		x, out, g := k.x[m*area:(m+1)*area], k.out[m*area:(m+1)*area], k.g[m*w.P()*w.Q():(m+1)*w.P()*w.Q()]
		clear(out)
		for i := range w.P() {
			for j := range w.Q() {
				out[w.maximum(x, i*w.Stride*w.W+j*w.Stride)] += g[i*w.Q()+j]
			}
		}
	}
}
