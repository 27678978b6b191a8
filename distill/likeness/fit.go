package likeness

import (
	"cmp"
	"math"
	"slices"
)

// Limits of the fit.
const (
	quick    = 1 // steps for all candidates
	thorough = 3 // further ones for the best
	kept     = 3 // candidates that are the best
	damping  = 1e-3
)

// Steps of the numerical derivatives, and how far from the move of the search a fit may go:
// pixels, pixels, radians, logarithm of the scale.
var (
	delta = [4]float64{0.25, 0.25, 0.02, 0.02}
	reach = [4]float64{1.5, 1.5, 0.15, 0.1}
)

// fitted is a candidate under the change that makes it most like a row.
type fitted struct {
	sample   int
	from     move
	at       [4]float64 // change beyond from
	distance float64
	best     [4]float64
}

// change is the move at parameters beyond the first.
func (t *fitted) change(at [4]float64) move {
	sin, cos := math.Sincos(at[2])
	r := math.Exp(at[3])
	m := t.from
	return move{
		a: r * (cos*m.a - sin*m.c), b: r * (cos*m.b - sin*m.d),
		c: r * (sin*m.a + cos*m.c), d: r * (sin*m.b + cos*m.d),
		x: m.x + at[0], y: m.y + at[1],
	}
}

// fit changes candidates further, by shifts of parts of pixels and small turns and scales,
// until they are as like a sketch as they become: Gauss-Newton steps on
// |sketch - a sketch(t(y))|², a few for all candidates and more for the best.
func (f *Finder) fit(sketch []float32, found []candidate) []*fitted {
	fits := make([]*fitted, len(found))
	for i, c := range found {
		m := f.moves[c.move]
		if c.mirrored {
			m = m.mirror()
		}
		fits[i] = &fitted{sample: c.sample, from: m.inverse(), distance: math.Inf(1)}
	}
	if f.local.Shape.IsTable() {
		f.step(sketch, fits, false)
		return fits
	}
	for range quick {
		f.step(sketch, fits, true)
	}
	f.step(sketch, fits, false)
	slices.SortStableFunc(fits, func(a, b *fitted) int { return cmp.Compare(a.distance, b.distance) })
	fits = fits[:min(kept, len(fits))]
	for _, t := range fits {
		t.at = t.best
	}
	for range thorough {
		f.step(sketch, fits, true)
	}
	f.step(sketch, fits, false)
	return fits
}

// measure gives the distances of a row, without brightness, to what is published of the fitted
// samples.
func (f *Finder) measure(row []float32, fits []*fitted) error {
	var images []float32
	var by []move
	for _, t := range fits {
		images = append(images, f.local.Row(t.sample)...)
		by = append(by, t.change(t.best))
	}
	if len(fits) == 0 {
		return nil
	}
	values, err := f.publish.Present(f.warpChannels(images, by, f.local.Shape.C))
	if err != nil {
		return err
	}
	k := len(row)
	for i, t := range fits {
		v := values[i*k : (i+1)*k]
		f.publish.Center(v)
		t.distance = 1
		if vv, rv := dot(v, v), dot(row, v); vv > 0 {
			t.distance = math.Sqrt(max(0, 1-rv*rv/(vv*dot(row, row))))
		}
	}
	return nil
}

// step measures every fit where it is and, if asked to, moves it on.
func (f *Finder) step(sketch []float32, fits []*fitted, on bool) {
	each := 1
	if on {
		each += len(delta)
	}
	plane := f.sketch.gray.Size()
	var images []float32
	var by []move
	for _, t := range fits {
		for i := range each {
			at := t.at
			if i > 0 {
				at[i-1] += delta[i-1]
			}
			by = append(by, t.change(at))
			images = append(images, f.gray[t.sample*plane:(t.sample+1)*plane]...)
		}
	}
	values, k := f.sketch.draw(f.warp(images, by)), len(sketch)
	for i, t := range fits {
		t.step(sketch, values[i*each*k:(i+1)*each*k], on)
	}
}

// step notes the distance to the first of the rows and, with those beyond it a little apart in
// each parameter, solves for the next parameters.
func (t *fitted) step(row, rows []float32, on bool) {
	k := len(row)
	v := rows[:k]
	vv, rv := dot(v, v), dot(row, v)
	if vv == 0 {
		t.distance = min(t.distance, 1)
		return
	}
	contrast := rv / vv
	if d := math.Sqrt(max(0, 1-rv*contrast/dot(row, row))); d < t.distance {
		t.distance, t.best = d, t.at
	}
	if !on {
		return
	}
	// Unknowns: the parameters, and the contrast last.
	const n = len(delta) + 1
	j := make([]float64, n*k)
	for i, d := range delta {
		for l := range k {
			j[i*k+l] = contrast * float64(rows[(i+1)*k+l]-v[l]) / d
		}
	}
	var normal [n][n + 1]float64
	residual := make([]float64, k)
	for l := range k {
		j[(n-1)*k+l] = float64(v[l])
		residual[l] = float64(row[l]) - contrast*float64(v[l])
	}
	for a := range n {
		for b := range n {
			for l := range k {
				normal[a][b] += j[a*k+l] * j[b*k+l]
			}
		}
		normal[a][a] *= 1 + damping
		for l := range k {
			normal[a][n] += j[a*k+l] * residual[l]
		}
	}
	change, ok := solve(normal)
	if !ok {
		return
	}
	for i := range delta {
		t.at[i] = max(-reach[i], min(reach[i], t.at[i]+change[i]))
	}
}

// solve is Gaussian elimination with the right side in the last column.
func solve(m [5][6]float64) (x [5]float64, ok bool) {
	const n = len(m)
	for c := range n {
		pivot := c
		for r := c + 1; r < n; r++ {
			if math.Abs(m[r][c]) > math.Abs(m[pivot][c]) {
				pivot = r
			}
		}
		if !(math.Abs(m[pivot][c]) > 1e-12) {
			return x, false
		}
		m[c], m[pivot] = m[pivot], m[c]
		for r := range n {
			if r == c {
				continue
			}
			share := m[r][c] / m[c][c]
			for l := c; l <= n; l++ {
				m[r][l] -= share * m[c][l]
			}
		}
	}
	for i := range n {
		x[i] = m[i][n] / m[i][i]
	}
	return x, true
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}
