package spectrum

import (
	"cmp"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
)

// The expected root mean square of a coefficient at row frequency u and column
// frequency v, in half cycles per image, is
//
//	sigma(c, u, v) = sqrt(C H W) / 4 amplitude(c) (1 + r² / corner²)^(-3/4)
//	r² = u² W/H + v² H/W
//
// so that the squares of all sigma sum to about the number of values, as those of
// standardized images do. The constants were fitted once to the training images of
// MNIST, Fashion-MNIST and CIFAR-10. Every operation is a basic one or a
// square root, rounded by IEEE 754, so that all devices find the same order.
const corner = 3

// amplitudes of luma and the two chroma channels; a single channel has that of luma.
var amplitudes = [3]float64{1, 0.24, 0.12}

// rotation turns three channels into luma and two chroma channels: the rows are the
// orthonormal DCT-II of length 3.
var rotation = [3][3]float64{
	{1 / math.Sqrt2 * sqrt2by3, 1 / math.Sqrt2 * sqrt2by3, 1 / math.Sqrt2 * sqrt2by3},
	{1 / math.Sqrt2, 0, -1 / math.Sqrt2},
	{sqrt2by3 / 2, -sqrt2by3, sqrt2by3 / 2},
}

// sqrt2by3 is the square root of 2/3.
const sqrt2by3 = 0.81649658092772603273

// Place is a coefficient: its channel, its row and column frequencies in half cycles
// per image, and its expected root mean square.
type Place struct {
	C, U, V int
	Sigma   float64
}

// rotated reports whether images of a shape have a luma and two chroma channels.
func rotated(s data.Shape) bool { return s.C == 3 }

// places lists all coefficients of a shape, those of the largest sigma first; equal
// ones by channel, then u, then v.
func places(s data.Shape) []Place {
	h, w, scale := float64(s.H), float64(s.W), math.Sqrt(float64(s.Size()))
	out := make([]Place, 0, s.Size())
	for c := range s.C {
		amplitude := 1.0
		if rotated(s) {
			amplitude = amplitudes[c]
		}
		for u := range s.H {
			for v := range s.W {
				r2 := float64(u*u)*w/h + float64(v*v)*h/w
				fall := math.Sqrt(1 + r2/(corner*corner))
				out = append(out, Place{c, u, v, amplitude * scale / 4 / (fall * math.Sqrt(fall))})
			}
		}
	}
	slices.SortFunc(out, func(a, b Place) int {
		if a.Sigma != b.Sigma {
			return cmp.Compare(b.Sigma, a.Sigma)
		}
		return cmp.Or(a.C-b.C, a.U-b.U, a.V-b.V)
	})
	return out
}
