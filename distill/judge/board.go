package judge

import (
	"context"
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/ntk"
)

// ridge is that of the predictor, relative to the mean diagonal of the kernel: large, because
// labels may be wrong.
const ridge = 1e-2

// depth is that of the predictor.
const depth = 1

// errSingular means that the kernel of the images has no inverse.
var errSingular = errors.New("judge sets: the images are not finite")

// board is the kernel of all images, set after set, and of own samples with them.
type board struct {
	classes int
	set     []int      // of each image
	label   []int      // of each image
	targets *mat.Dense // n x classes: centered labels
	gram    []float32  // n x n
	truth   []int      // labels of own samples
	cross   *mat.Dense // own x n
	own     int        // number of own samples
	known   []bool     // classes that own samples have
	says    []int      // what a predictor of own samples says of each image
	trust   float64    // how far that predictor agrees with the own samples themselves
	gone    []bool     // sets that are quarantined
	sets    int
	fixed   [][2]int // of each set: own samples that are right only without it, and only with it
}

// newBoard computes the kernels of at most so many images, or two of each set.
func newBoard(ctx context.Context, q Question, images int) (*board, error) {
	b := &board{classes: q.Sets[0].Classes, sets: len(q.Sets), gone: make([]bool, len(q.Sets)),
		fixed: make([][2]int, len(q.Sets))}
	var parts []*data.Samples
	for k, s := range q.Sets {
		part := s.Subset(spread(s, max(2, images/len(q.Sets))))
		parts = append(parts, part)
		b.label = append(b.label, part.Y...)
		b.set = append(b.set, slices.Repeat([]int{k}, part.Len())...)
	}
	all, err := data.Merge(hard(parts)...)
	if err != nil {
		return nil, err
	}
	n, d := all.Len(), all.Shape.Size()
	rows := ntk.Rows{X: all.X, M: n, D: d}
	b.gram = ntk.Gram(depth, rows)
	b.targets = centered(b.label, b.classes)
	if q.Own != nil {
		own := q.Own.Subset(spread(q.Own, mostOwn))
		b.own, b.truth = own.Len(), own.Y
		b.cross = mat.NewDense(b.own, n, nil)
		for i, v := range ntk.Matrix(depth, ntk.Rows{X: own.X, M: own.Len(), D: d}, rows) {
			b.cross.Set(i/n, i%n, float64(v))
		}
		if err := b.ask(ctx, own, all); err != nil {
			return nil, err
		}
	}
	return b, ctx.Err()
}

// centered are labels as rows with mean 0.
func centered(labels []int, classes int) *mat.Dense {
	out := mat.NewDense(len(labels), classes, nil)
	for i, y := range labels {
		for c := range classes {
			out.Set(i, c, -1/float64(classes))
		}
		out.Set(i, y, 1-1/float64(classes))
	}
	return out
}

// trust is the share of own samples whose label a predictor of the other ones gives them.
func trust(own *data.Samples) (float64, error) {
	n := own.Len()
	gram := ntk.Gram(depth, ntk.Rows{X: own.X, M: n, D: own.Shape.Size()})
	k := mat.NewSymDense(n, nil)
	for x := range n {
		for z := x; z < n; z++ {
			k.SetSym(x, z, float64(gram[x*n+z]))
		}
	}
	y := centered(own.Y, own.Classes)
	h, a, err := invert(k, y)
	if err != nil {
		return 0, err
	}
	right := 0
	for i, label := range own.Y {
		says := slices.Clone(y.RawRowView(i))
		for c := range says {
			says[c] -= a.At(i, c) / h.At(i, i)
		}
		if argMax(says) == label {
			right++
		}
	}
	return float64(right) / float64(n), nil
}

// ask notes what own samples say of all images.
func (b *board) ask(ctx context.Context, own, all *data.Samples) error {
	b.known = make([]bool, b.classes)
	for _, y := range own.Y {
		b.known[y] = true
	}
	predictor, err := ntk.Fit(ctx, depth, hard([]*data.Samples{own})[0])
	if err == nil {
		b.trust, err = trust(own)
	}
	if err != nil {
		return err
	}
	logits, err := predictor.Logits(ctx, all)
	if err != nil {
		return err
	}
	for i := range all.Len() {
		row := make([]float64, b.classes)
		for c := range row {
			row[c] = float64(logits[i*b.classes+c])
		}
		b.says = append(b.says, argMax(row))
	}
	return nil
}

// hard is samples without soft labels: a poisoned label is the class that it stands for.
func hard(parts []*data.Samples) (out []*data.Samples) {
	for _, p := range parts {
		p.Soft = nil
		out = append(out, p)
	}
	return out
}

// spread are indices of at most n samples, of all classes alike.
func spread(s *data.Samples, n int) (out []int) {
	for round, members := 0, s.ByClass(); len(out) < min(n, s.Len()); round++ {
		for _, of := range members {
			if round < len(of) && len(out) < n {
				out = append(out, of[round])
			}
		}
	}
	slices.Sort(out)
	return out
}

// look fills what is known of each set that is left. With H the inverse of the kernel of all
// images that are left, plus the ridge, and A = H Y, what a predictor of all others says of the
// images i of a set is Y_i - H_ii^-1 A_i (the leave-one-out identity, for blocks), and its
// coefficients for own samples are A - H_i H_ii^-1 A_i.
func (b *board) look(now []Verdict) error {
	left := b.left()
	h, a, err := b.solve(left)
	if err != nil {
		return err
	}
	var before []bool
	var cross *mat.Dense
	if b.own > 0 {
		cross = b.columns(left)
		before = b.right(cross, a)
	}
	for k := range b.sets {
		if b.gone[k] {
			continue
		}
		at := positions(left, func(i int) bool { return b.set[i] == k })
		if err := b.judge(k, left, at, h, a, cross, before, &now[k]); err != nil {
			return err
		}
	}
	return nil
}

// left are the images of sets that are not quarantined.
func (b *board) left() (out []int) {
	for i, k := range b.set {
		if !b.gone[k] {
			out = append(out, i)
		}
	}
	return out
}

// positions are those of the images for which keep holds.
func positions(images []int, keep func(i int) bool) (out []int) {
	for at, i := range images {
		if keep(i) {
			out = append(out, at)
		}
	}
	return out
}

// solve is H and A of some images.
func (b *board) solve(left []int) (h *mat.SymDense, a *mat.Dense, err error) {
	n, all := len(left), len(b.set)
	k, y := mat.NewSymDense(n, nil), mat.NewDense(n, b.classes, nil)
	for x, i := range left {
		for z := x; z < n; z++ {
			k.SetSym(x, z, float64(b.gram[i*all+left[z]]))
		}
		y.SetRow(x, b.targets.RawRowView(i))
	}
	return invert(k, y)
}

// invert is the inverse H of a kernel plus the ridge, and A = H Y.
func invert(k *mat.SymDense, y *mat.Dense) (h *mat.SymDense, a *mat.Dense, err error) {
	n, trace := k.SymmetricDim(), mat.Trace(k)
	for x := range n {
		k.SetSym(x, x, k.At(x, x)+ridge*trace/float64(n))
	}
	var chol mat.Cholesky
	if math.IsNaN(trace) || math.IsInf(trace, 0) || !chol.Factorize(k) {
		return nil, nil, errSingular
	}
	h = mat.NewSymDense(n, nil)
	if err := chol.InverseTo(h); err != nil && !isCondition(err) {
		return nil, nil, err
	}
	a = &mat.Dense{}
	a.Mul(h, y)
	return h, a, nil
}

func isCondition(err error) bool {
	var c mat.Condition
	return errors.As(err, &c)
}

// columns is the kernel of own samples with some images.
func (b *board) columns(left []int) *mat.Dense {
	out := mat.NewDense(b.own, len(left), nil)
	for i := range b.own {
		row := b.cross.RawRowView(i)
		for x, j := range left {
			out.Set(i, x, row[j])
		}
	}
	return out
}

// right says which own samples coefficients classify rightly.
func (b *board) right(cross, a *mat.Dense) []bool {
	var p mat.Dense
	p.Mul(cross, a)
	out := make([]bool, b.own)
	for i := range out {
		out[i] = argMax(p.RawRowView(i)) == b.truth[i]
	}
	return out
}

// judge fills what is known of a set whose images stand at some positions.
func (b *board) judge(k int, left, at []int, h *mat.SymDense, a, cross *mat.Dense, before []bool, v *Verdict) error {
	n := len(at)
	block, own := mat.NewSymDense(n, nil), mat.NewDense(n, b.classes, nil)
	for x, p := range at {
		for y := x; y < n; y++ {
			block.SetSym(x, y, h.At(p, at[y]))
		}
		own.SetRow(x, a.RawRowView(p))
	}
	var chol mat.Cholesky
	if !chol.Factorize(block) {
		return errSingular
	}
	var change mat.Dense // H_ii^-1 A_i
	if err := chol.SolveTo(&change, own); err != nil && !isCondition(err) {
		return err
	}
	b.compare(k, left, at, &change, v)
	if b.own == 0 {
		return nil
	}
	without := mat.DenseCopyOf(a)
	columns := mat.NewDense(len(left), n, nil)
	for x, p := range at {
		for row := range left {
			columns.Set(row, x, h.At(row, p))
		}
	}
	var moved mat.Dense
	moved.Mul(columns, &change)
	without.Sub(without, &moved)
	b.fixed[k] = [2]int{}
	for i, right := range b.right(cross, without) {
		switch {
		case right && !before[i]:
			b.fixed[k][0]++
		case !right && before[i]:
			b.fixed[k][1]++
		}
	}
	v.Gain = float64(b.fixed[k][1]-b.fixed[k][0]) / float64(b.own)
	return nil
}

// compare counts the images of a set whose label others give them too.
func (b *board) compare(k int, left, at []int, change *mat.Dense, v *Verdict) {
	held := b.held(k, left)
	v.Agreement, v.Compared, v.Alone = 0, 0, nil
	agree := 0
	for x, p := range at {
		label := b.label[left[p]]
		if b.own > 0 && b.known[label] {
			v.Compared++
			if b.says[left[p]] == label {
				agree++
			}
			continue
		}
		if !held[label] {
			if !slices.Contains(v.Alone, label) {
				v.Alone = append(v.Alone, label)
			}
			continue
		}
		says := slices.Clone(b.targets.RawRowView(left[p]))
		for c := range says {
			says[c] -= change.At(x, c)
		}
		v.Compared++
		if argMax(says) == label {
			agree++
		}
	}
	if v.Compared > 0 {
		v.Agreement = float64(agree) / float64(v.Compared)
	}
}

// held are the classes that others than a set hold.
func (b *board) held(k int, left []int) []bool {
	out := make([]bool, b.classes)
	for _, i := range left {
		if b.set[i] != k {
			out[b.label[i]] = true
		}
	}
	return out
}

// significant reports whether a set's loss is more than two standard errors of the paired
// difference.
func (b *board) significant(k int) bool {
	better, worse := float64(b.fixed[k][0]), float64(b.fixed[k][1])
	return better-worse > 2*math.Sqrt(better+worse)
}

func argMax(row []float64) (at int) {
	for i, v := range row {
		if v > row[at] {
			at = i
		}
	}
	return at
}
