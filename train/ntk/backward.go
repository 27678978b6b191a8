package ntk

import "github.com/distillmesh/distillmesh/train/kernel"

// imageGradient is the chain rule through the kernels (edge-distillers 1.5):
//
//	dL/dK_ts = G A', dL/dK_ss = -B A' + (lambda/n) tr(-B A') I
//	dc/ds = 2 x/d, db/ds = 4 s/d; on the diagonal dK(s,s)/ds = (L + 1) 4 s/d
//
// where off-diagonal entries of K_ss count with their transposes, since both
// arguments are supports.
func (r *Regression) imageGradient() {
	n, m, d, classes, stride := r.Supports, r.Problem.Targets, r.Values, r.Classes, r.pairs.m
	r.pool.Gemm(false, false, n, m, classes, 1, r.coef, classes, r.residual, m, 0, r.weight, stride)
	r.pool.Gemm(false, true, n, n, classes, 1, r.LabelsGrad, classes, r.coef, classes, 0, r.own, n)
	trace := 0.
	for j := range n {
		trace -= float64(r.own[j*n+j])
	}
	ridge := r.Lambda / float64(n) * trace
	for j := range n {
		r.shift[j] = float32(float64(r.Depth+1) * (ridge - float64(r.own[j*n+j])))
	}
	r.run(r.pairs.across(), (*Regression).weighPart)
	for i, v := range r.shifts {
		r.shift[i%n] += v
	}
	r.pool.Gemm(false, false, n, d, stride, float32(weightVariance/float64(d)), r.weight, stride, r.all, d, 0,
		r.ImagesGrad, d)
	r.eachImage((*Regression).shiftPart)
}

// weighPart multiplies the derivatives of a block of kernel values by the
// upstream gradient: dL/dc into weight, dL/db summed into shifts.
func (r *Regression) weighPart(_ *kernel.Scratch, at int) {
	n, m, stride := r.Supports, r.Problem.Targets, r.pairs.m
	lo, hi := r.pairs.span(at)
	for j := range n {
		row := r.weight[j*stride : (j+1)*stride]
		for i := max(lo, m); i < hi; i++ { // the pairs with other supports
			row[i] = -r.own[(i-m)*n+j] - r.own[j*n+i-m]
			if i-m == j {
				row[i] = 0
			}
		}
		r.shifts[at*n+j] = kernel.Dot(row[lo:hi], r.pairs.db[j*stride+lo:j*stride+hi])
		kernel.Mul.Both(hi-lo, row[lo:], row[lo:], r.pairs.dc[j*stride+lo:])
	}
}

// shiftPart adds 4/d shift s to one support's gradient.
func (r *Regression) shiftPart(_ *kernel.Scratch, j int) {
	d := r.Values
	row := r.ImagesGrad[j*d : (j+1)*d]
	kernel.ScaleAdd(row, r.Images[j*d:(j+1)*d], row, float32(2*weightVariance/float64(d))*r.shift[j])
}

// Square is <x,x>/d for one input of d values.
func Square(x []float32) float32 { return kernel.Dot(x, x) / float32(len(x)) }
