package kernel

import "unsafe"

// The portable tile is 4 x 8. Its accumulators live in a small array that the
// compiler keeps in cache; clarity is more important here than speed.
const portableHeight, portableWidth = 4, 8

var portable = instructionSet{
	name: "portable", height: portableHeight, width: portableWidth,
	tiles: []tileFunc{nil, portableTile(1), portableTile(2), portableTile(3), portableTile(4)},
	tableTiles: []tableTileFunc{nil, portableTableTile(1), portableTableTile(2), portableTableTile(3),
		portableTableTile(4)},
	lanes: portableWidth, dotColumns: 1,
	dotTiles: []dotTileFunc{nil, portableDotTile},
}

type portableRow = [portableWidth]float32

func at(p *float32, bytes int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), bytes)) }

func row(p *float32, bytes int) *portableRow {
	return (*portableRow)(unsafe.Add(unsafe.Pointer(p), bytes))
}

func portableTile(rows int) tileFunc {
	return func(k int, a *float32, rs, cs int, b *float32, bs int, c *float32, ldc int, alpha float32, add bool) {
		var acc [portableHeight]portableRow
		for l := range k {
			portableStep(acc[:rows], at(a, l*cs), rs, row(b, l*bs))
		}
		portableStore(acc[:rows], c, ldc, alpha, add)
	}
}

func portableTableTile(rows int) tableTileFunc {
	return func(k int, a *float32, rs, cs int, b *float32, offsets *int, c *float32, ldc int, alpha float32, add bool) {
		var acc [portableHeight]portableRow
		for l, offset := range unsafe.Slice(offsets, k) {
			portableStep(acc[:rows], at(a, l*cs), rs, row(b, offset))
		}
		portableStore(acc[:rows], c, ldc, alpha, add)
	}
}

func portableStep(acc []portableRow, a *float32, rs int, b *portableRow) {
	for i := range acc {
		v, r := *at(a, i*rs), &acc[i]
		r[0] += v * b[0]
		r[1] += v * b[1]
		r[2] += v * b[2]
		r[3] += v * b[3]
		r[4] += v * b[4]
		r[5] += v * b[5]
		r[6] += v * b[6]
		r[7] += v * b[7]
	}
}

func portableStore(acc []portableRow, c *float32, ldc int, alpha float32, add bool) {
	for i := range acc {
		out := row(c, i*ldc)
		for j, v := range acc[i] {
			if add {
				out[j] += alpha * v
			} else {
				out[j] = alpha * v
			}
		}
	}
}

// portableDotTile is one dot product in lanes.
func portableDotTile(images, steps int, a *float32, _, nextA int, b *float32, nextB int, offsets *int, sums *float32) {
	var acc portableRow
	b = at(b, *offsets)
	run := steps * portableWidth * sizeOfFloat
	for i := range images {
		x, y := at(a, i*(run+nextA)), at(b, i*(run+nextB))
		for s := range steps {
			u, v := row(x, s*portableWidth*sizeOfFloat), row(y, s*portableWidth*sizeOfFloat)
			for l := range acc {
				acc[l] += u[l] * v[l]
			}
		}
	}
	*row(sums, 0) = acc
}
