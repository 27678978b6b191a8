package kernel

// Windows is the geometry of pooling: maps of H x W values, windows of
// Size x Size whose corners lie Stride apart. Its methods work on the caller's
// goroutine.
type Windows struct{ H, W, Size, Stride int }

// P is the number of windows down.
func (w Windows) P() int { return (w.H-w.Size)/w.Stride + 1 }

// Q is the number of windows across.
func (w Windows) Q() int { return (w.W-w.Size)/w.Stride + 1 }

// Pick takes from v the value at the place of each window's maximum in x: out,
// maps x P x Q, from x and v, each maps x H x W. With v = x it is max-pooling. Of
// equal values the first in row-major order counts; a NaN is chosen only if it
// comes first, and is then never replaced.
func (w Windows) Pick(maps int, x, v, out []float32) {
	area, small := w.H*w.W, w.P()*w.Q()
	fast := w.pairs() && active.vectors != nil && maps > 0 && &x[0] == &v[0]
	for m := range maps {
		x, v, out := x[m*area:(m+1)*area], v[m*area:(m+1)*area], out[m*small:(m+1)*small]
		if fast {
			w.pickPairs(x, out)
			continue
		}
		done := 0
		if active.vectors != nil && &x[0] == &v[0] {
			for ; done < w.overlapping(); done += vectorValues {
				active.vectors.overlapMax(w.P(), &x[2*done], w.W*sizeOfFloat, &out[done], w.Q()*sizeOfFloat)
			}
		}
		for i := range w.P() {
			for j := done; j < w.Q(); j++ {
				out[i*w.Q()+j] = v[w.maximum(x, i*w.Stride*w.W+j*w.Stride)]
			}
		}
	}
}

// pairs reports whether windows are 2 x 2 and do not overlap.
func (w Windows) pairs() bool { return w.Size == 2 && w.Stride == 2 }

// overlapping is how many windows of a row, a multiple of a vector's width, lie
// so that vectors of 3 x 3 windows two apart stay within the row.
func (w Windows) overlapping() int {
	if w.Size != 3 || w.Stride != 2 || w.W < 2*vectorValues+2 {
		return 0
	}
	return min(w.Q(), (w.W-2)/2) / vectorValues * vectorValues
}

// partialMasks are, for each number of windows below vectorValues, the masks of
// a row's two vectors and of the windows.
var partialMasks = func() (masks [vectorValues][3 * vectorValues]int32) {
	for n := range masks {
		for i := range vectorValues {
			if i < 2*n {
				masks[n][i] = -1
			}
			if i+vectorValues < 2*n {
				masks[n][vectorValues+i] = -1
			}
			if i < n {
				masks[n][2*vectorValues+i] = -1
			}
		}
	}
	return masks
}()

// pickPairs is max-pooling of one map in vectors. The last vector of a row
// overlaps the one before it so that it is full; windows computed twice give
// the same result.
func (w Windows) pickPairs(x, out []float32) {
	p, q, width, outWidth := w.P(), w.Q(), w.W*sizeOfFloat, w.Q()*sizeOfFloat
	if q < vectorValues {
		active.vectors.poolMaxMasked(p, &x[0], width, &out[0], outWidth, &partialMasks[q][0])
		return
	}
	for j := 0; j < q; j += vectorValues {
		at := min(j, q-vectorValues)
		active.vectors.poolMax(p, &x[2*at], width, &out[at], outWidth)
	}
}

// scatterPairs is the adjoint of pickPairs.
func (w Windows) scatterPairs(x, g, out []float32) {
	p, q, width, gWidth := w.P(), w.Q(), w.W*sizeOfFloat, w.Q()*sizeOfFloat
	if q < vectorValues {
		active.vectors.poolScatterMasked(p, &x[0], width, &g[0], gWidth, &out[0], &partialMasks[q][0])
		return
	}
	for j := 0; j < q; j += vectorValues {
		at := min(j, q-vectorValues)
		active.vectors.poolScatter(p, &x[2*at], width, &g[at], gWidth, &out[2*at])
	}
}

// maximum is the index of the largest value of the window at corner.
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

// Scatter adds values back at the positions that Pick takes them from: out, maps x H x W, from x of that shape
// and g, maps x P x Q.
func (w Windows) Scatter(maps int, x, g, out []float32) {
	area, small := w.H*w.W, w.P()*w.Q()
	fast := w.pairs() && active.vectors != nil
	covered := fast && w.H%2 == 0 && w.W%2 == 0 // every value lies in a window
	for m := range maps {
		x, out, g := x[m*area:(m+1)*area], out[m*area:(m+1)*area], g[m*small:(m+1)*small]
		if !covered {
			clear(out)
		}
		if fast {
			w.scatterPairs(x, g, out)
			continue
		}
		done := 0
		if active.vectors != nil {
			for ; done < w.overlapping(); done += vectorValues {
				active.vectors.overlapScatter(w.P(), &x[2*done], w.W*sizeOfFloat, &g[done], w.Q()*sizeOfFloat, &out[2*done])
			}
		}
		for i := range w.P() {
			for j := done; j < w.Q(); j++ {
				out[w.maximum(x, i*w.Stride*w.W+j*w.Stride)] += g[i*w.Q()+j]
			}
		}
	}
}
