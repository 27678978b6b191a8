package kernel

// Mean averages adjacent windows: out, maps x P x Q, from x, maps x
// H x W. Incomplete windows at the end are left out.
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
// with the masks of a row shorter than a vector. The last vector of a row
// overlaps the one before it so that it is full.
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

// Spread is the adjoint of Mean: each value of g, maps x P x Q, divided by the
// size of the window, goes to all values of its window; values outside all
// windows get zero.
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
