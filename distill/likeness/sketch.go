package likeness

import (
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/parallel"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// Coefficients of a sketch.
const (
	sketched = 100 // low frequencies that changes are fitted by
	searched = 36  // the lowest of them, that samples are searched by
)

// sketcher reduces images to a few values that say how alike they are: the lowest
// frequencies of the mean over channels without the very lowest, which is brightness. What
// is too small for that, and rows of tables, stay whole.
type sketcher struct {
	shape, gray      data.Shape
	length, searched int
	low              *spectrum.Transform // nil where images stay whole
	// Mirroring an image changes the sign of the odd values of its sketch alone.
	even, odd []int
}

func newSketcher(s data.Shape) (*sketcher, error) {
	k := &sketcher{shape: s, gray: data.Shape{C: 1, H: s.H, W: s.W}}
	if s.IsTable() {
		k.gray = s
	}
	size := k.gray.Size()
	k.length, k.searched = min(sketched, size), min(searched, size)
	if spectrum.Check(k.gray, k.length) != nil {
		k.length, k.searched = size, size
		for i := range size {
			k.even = append(k.even, i)
		}
		return k, nil
	}
	var err error
	if k.low, err = spectrum.Open(k.gray, k.length); err != nil {
		return nil, err
	}
	for i, p := range k.low.Places()[:k.searched] {
		if p.V%2 == 0 {
			k.even = append(k.even, i)
		} else {
			k.odd = append(k.odd, i)
		}
	}
	return k, nil
}

// mean gives the mean over the channels of images.
func (k *sketcher) mean(images []float32) []float32 {
	if k.shape.C == 1 {
		return images
	}
	size, plane := k.shape.Size(), k.gray.Size()
	n := len(images) / size
	out := make([]float32, n*plane)
	for i := range n {
		gray := out[i*plane : (i+1)*plane]
		for j, v := range images[i*size : (i+1)*size] {
			gray[j%plane] += v / float32(k.shape.C)
		}
	}
	return out
}

// drawAll sketches images of one channel, [N,H,W] to [N,length], on all cores.
func (k *sketcher) drawAll(gray []float32) []float32 {
	n, size := len(gray)/k.gray.Size(), k.gray.Size()
	out := make([]float32, n*k.length)
	parallel.Each(0, n, func(i int) { k.drawOne(gray[i*size:(i+1)*size], out[i*k.length:(i+1)*k.length]) })
	return out
}

// draw does the same on the calling goroutine.
func (k *sketcher) draw(gray []float32) []float32 {
	n, size := len(gray)/k.gray.Size(), k.gray.Size()
	out := make([]float32, n*k.length)
	for i := range n {
		k.drawOne(gray[i*size:(i+1)*size], out[i*k.length:(i+1)*k.length])
	}
	return out
}

func (k *sketcher) drawOne(gray, out []float32) {
	if k.low != nil {
		k.low.ForwardOne(gray, out)
		out[0] = 0
		return
	}
	copy(out, gray)
	sum := 0.0
	for _, v := range out {
		sum += float64(v)
	}
	for j := range out {
		out[j] -= float32(sum / float64(len(out)))
	}
}

// forSearch gives the even and the odd of the first values of sketches, of length 1 together; 0 for
// those that are all 0.
func (k *sketcher) forSearch(sketches []float32) (even, odd []float32) {
	n := len(sketches) / k.length
	even, odd = make([]float32, n*len(k.even)), make([]float32, n*len(k.odd))
	for i := range n {
		row := sketches[i*k.length : (i+1)*k.length]
		scale := length(row[:k.searched])
		if scale > 1e-12 {
			scale = 1 / scale
		} else {
			scale = 0
		}
		for j, at := range k.even {
			even[i*len(k.even)+j] = float32(float64(row[at]) * scale)
		}
		for j, at := range k.odd {
			odd[i*len(k.odd)+j] = float32(float64(row[at]) * scale)
		}
	}
	return even, odd
}
