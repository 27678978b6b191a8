package fused

import "slices"

// writer writes instructions in a language. Names of what was computed are its own.
type writer interface {
	// divide is a / n, times is a n, minus is a - b and plus is a + b, of places.
	divide(a string, n int) string
	times(a string, n int) string
	minus(a, b string) string
	plus(a, b string) string
	load(array int, place string, start int) string
	store(array int, place, value string)
	apply(i Instruction, x, y string) string
}

// coordinates are the places in each dimension of a box, given the place in all of it.
func coordinates(w writer, place string, dims []int) []string {
	out := make([]string, len(dims))
	for d := len(dims) - 1; d > 0; d-- {
		above := w.divide(place, dims[d])
		out[d] = w.minus(place, w.times(above, dims[d]))
		place = above
	}
	if len(dims) > 0 {
		out[0] = place
	}
	return out
}

// place is the place in an array, given that in each dimension. Empty names are skipped.
func place(w writer, at []string, strides []int) (out string) {
	for d, s := range strides {
		if s == 0 || at[d] == "" {
			continue
		}
		step := w.times(at[d], s)
		if out == "" {
			out = step
		} else {
			out = w.plus(out, step)
		}
	}
	return out
}

// contiguous are the strides of an array of a box's shape.
func contiguous(dims []int) []int {
	out, step := make([]int, len(dims)), 1
	for d := len(dims) - 1; d >= 0; d-- {
		out[d] = step
		step *= dims[d]
	}
	return out
}

// evaluate computes all values at a place whose coordinates are known; whole is the place in an array of the
// box's shape, or empty where coordinates must give it.
func (k *Kernel) evaluate(w writer, at []string, whole string) []string {
	full := contiguous(k.Dims)
	where := func(strides []int) string {
		if slices.Equal(strides, full) && whole != "" {
			return whole
		}
		return place(w, at, strides)
	}
	values := make([]string, len(k.Code))
	for n, i := range k.Code {
		switch {
		case i.Op == Load:
			r := k.Reads[i.X]
			values[n] = w.load(r.Array, where(r.Strides), r.Start)
		case i.Op.operands() == 2:
			values[n] = w.apply(i, values[i.X], values[i.Y])
		case i.Op.operands() == 1:
			values[n] = w.apply(i, values[i.X], "")
		default:
			values[n] = w.apply(i, "", "")
		}
	}
	for _, s := range k.Stores {
		w.store(s.Array, where(full), values[s.Value])
	}
	return values
}

// split are the dimensions that are kept, and those that are summed, with their places in Dims.
func (k *Kernel) split() (kept, summed, keptAt, summedAt []int) {
	for d, n := range k.Dims {
		if k.Summed[d] {
			summed, summedAt = append(summed, n), append(summedAt, d)
		} else {
			kept, keptAt = append(kept, n), append(keptAt, d)
		}
	}
	return kept, summed, keptAt, summedAt
}
