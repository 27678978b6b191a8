package main

import (
	"bytes"
	"fmt"
	"github.com/distillmesh/distillmesh/train/spectrum"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/distillmesh/distillmesh/distill/frequency"
	"github.com/distillmesh/distillmesh/train/data"
)

// sample is how many held-out training images of a class are written.
const sample = 100

// rateCodes are the codes that rates prints: all coefficients, and usual ones.
var rateCodes = map[string][]string{
	"mnist":         {"784:0:1", "784:0:2", "784:0:4", "64:0:3", "100:0:3", "144:0:2", "200:0:1.5"},
	"fashion-mnist": {"784:0:1", "784:0:2", "784:0:4", "64:0:3", "100:0:3", "144:0:2", "200:0:1.5"},
	"cifar-10":      {"3072:0:1", "3072:0:2", "3072:0:4", "300:0:3", "600:0:3", "600:0:2"},
}

// rates prints bytes, distortion and speed.
func (b *bench) rates() error {
	s := sorted(b.held, sample)
	n := float64(s.Len())
	fmt.Printf("\n%s: %d images, class after class\n", b.Task.Name, s.Len())
	fmt.Printf("%-14s %-12s %-8s %-10s %-10s %-10s %-12s %-12s %-8s %-8s\n", "code", "bytes/image", "PSNR", "entropy",
		"zstd", "20 images", "those, warm", "band limit", "MP/s in", "MP/s out")
	for _, word := range rateCodes[b.Task.Name] {
		if err := b.rate(s, word); err != nil {
			return err
		}
	}
	for _, quality := range []int{10, 30, 60, 90} {
		if err := b.jpegRate(s, quality); err != nil {
			return err
		}
	}
	one, sheet, err := b.png(s)
	if err != nil {
		return err
	}
	fmt.Printf("png            %-12.1f exact    (as one sheet %.1f)\n", one/n, sheet/n)
	return b.tileRate(s)
}

// sorted are the first samples of each class.
func sorted(s *data.Samples, per int) *data.Samples {
	var index []int
	for _, members := range s.ByClass() {
		index = append(index, members[:min(per, len(members))]...)
	}
	return s.Subset(index)
}

// psnr is the ratio in dB of the range of pixels, 1, to the root mean square error.
func (b *bench) psnr(given, got []float32) float64 {
	a, c := slices.Clone(given), slices.Clone(got)
	b.Task.Restore(a)
	b.Task.Restore(c)
	sum := 0.0
	for i := range a {
		d := float64(a[i] - min(max(c[i], 0), 1))
		sum += d * d
	}
	return -10 * math.Log10(sum/float64(len(a)))
}

// rate prints the line of a code. Beside the bytes stand the entropy of the levels of
// each coefficient in the whole set, the bytes of zstd, and those of two images of
// each class alone and behind all others.
func (b *bench) rate(s *data.Samples, word string) error {
	code, err := parse(word, b.Task.Shape)
	if err != nil {
		return err
	}
	t, err := frequency.Open(code)
	if err != nil {
		return err
	}
	began := time.Now()
	coefficients, err := t.Forward(s.X)
	if err != nil {
		return err
	}
	levels := t.Quantize(coefficients)
	stream, err := t.Encode(levels, s.Y)
	if err != nil {
		return err
	}
	in := time.Since(began)
	began = time.Now()
	read, err := t.Decode(stream, s.Y)
	if err != nil {
		return err
	}
	images, err := t.Inverse(t.Dequantize(read))
	if err != nil {
		return err
	}
	out := time.Since(began)
	if !slices.Equal(read, levels) {
		return fmt.Errorf("%s: other levels come back", word)
	}
	band, err := t.Inverse(coefficients)
	if err != nil {
		return err
	}
	cold, warm, err := b.few(t, stream, levels, s.Y)
	if err != nil {
		return err
	}
	n := float64(s.Len())
	pixels := n * float64(s.Shape.H*s.Shape.W) / 1e6
	fmt.Printf("%-14s %-12.1f %-8.2f %-10.1f %-10.1f %-10.1f %-12.1f %-12.2f %-8.1f %-8.1f\n", word,
		float64(len(stream))/n, b.psnr(s.X, images), entropy(levels, code.K)/8/n, packed(narrow(levels))/n, cold, warm,
		b.psnr(s.X, band), pixels/in.Seconds(), pixels/out.Seconds())
	return nil
}

// few gives the bytes per image of 20 others, alone, and behind all.
func (b *bench) few(t *frequency.Coder, all []byte, levels []int32, labels []int) (cold, warm float64, err error) {
	s := sorted(b.train, 2)
	coefficients, err := t.Forward(s.X)
	if err != nil {
		return 0, 0, err
	}
	more := t.Quantize(coefficients)
	alone, err := t.Encode(more, s.Y)
	if err != nil {
		return 0, 0, err
	}
	behind, err := t.Encode(slices.Concat(levels, more), slices.Concat(labels, s.Y))
	n := float64(s.Len())
	return float64(len(alone)) / n, float64(len(behind)-len(all)) / n, err
}

// entropy is that of the levels of each coefficient by themselves, in bits, for all.
func entropy(levels []int32, k int) (bits float64) {
	n := len(levels) / k
	for j := range k {
		count := map[int32]float64{}
		for i := range n {
			count[levels[i*k+j]]++
		}
		for _, c := range count {
			bits -= c * math.Log2(c/float64(n))
		}
	}
	return bits
}

// narrow are levels as bytes, or as two bytes each where one of them does not fit.
func narrow(levels []int32) []byte {
	wide := slices.ContainsFunc(levels, func(q int32) bool { return q < -128 || q > 127 })
	var out []byte
	for _, q := range levels {
		out = append(out, byte(q))
		if wide {
			out = append(out, byte(q>>8))
		}
	}
	return out
}

// packed is the size of bytes under zstd at its best.
func packed(raw []byte) float64 {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return math.NaN()
	}
	defer w.Close()
	return float64(len(w.EncodeAll(raw, nil)))
}

// tileRate prints the bytes of tiles of half a byte per value.
func (b *bench) tileRate(s *data.Samples) error {
	f := data.NewFormation(2).SingleTile()
	down := f.Down(s)
	var raw []byte
	for i := range down.Len() {
		row := down.Row(i)
		lo, hi := slices.Min(row), slices.Max(row)
		for j := 0; j < len(row); j += 2 {
			value := func(v float32) byte { return byte(math.Round(15 * float64((v-lo)/max(hi-lo, 1e-6)))) }
			raw = append(raw, value(row[j])|value(row[j+1])<<4)
		}
	}
	n := float64(s.Len())
	fmt.Printf("tiles, U4      %-12.1f %-8.2f zstd %.1f\n", float64(len(raw))/n, b.psnr(s.X, f.Decode(down).X),
		packed(raw)/n)
	return nil
}

// picture is an image of a width in images, of samples one after the other.
func (b *bench) picture(s *data.Samples, wide int) image.Image {
	x := slices.Clone(s.X)
	b.Task.Restore(x)
	h, w := s.Shape.H, s.Shape.W
	high := (s.Len() + wide - 1) / wide
	gray := image.NewGray(image.Rect(0, 0, w*wide, h*high))
	rgb := image.NewRGBA(gray.Rect)
	for i := range s.Len() {
		row := x[i*s.Shape.Size():]
		for p := range h * w {
			at := func(c int) uint8 { return uint8(math.Round(255 * float64(min(max(row[c*h*w+p], 0), 1)))) }
			px, py := i%wide*w+p%w, i/wide*h+p/w
			if s.Shape.C == 1 {
				gray.SetGray(px, py, color.Gray{Y: at(0)})
			} else {
				rgb.SetRGBA(px, py, color.RGBA{at(0), at(1), at(2), 255})
			}
		}
	}
	if s.Shape.C == 1 {
		return gray
	}
	return rgb
}

// sheetWidth is how many images stand side by side in a sheet.
const sheetWidth = 40

// jpegRate prints bytes and distortion of JPEG, each image a file, and all as one sheet,
// and the distortion of the code at the bytes of the sheet.
func (b *bench) jpegRate(s *data.Samples, quality int) error {
	files, one := slices.Clone(s.X), 0
	for i := range s.Len() {
		size, err := b.jpeg(s.Subset([]int{i}), 1, quality, files[i*s.Shape.Size():(i+1)*s.Shape.Size()])
		if err != nil {
			return err
		}
		one += size
	}
	sheet := slices.Clone(s.X)
	size, err := b.jpeg(s, sheetWidth, quality, sheet)
	if err != nil {
		return err
	}
	step, equal, err := b.equal(s, size)
	n := float64(s.Len())
	fmt.Printf("jpeg %-9d %-12.1f %-8.2f one sheet: %.1f, %.2f; the code, step %.2f, in as many: %.2f\n", quality,
		float64(one)/n, b.psnr(s.X, files), float64(size)/n, b.psnr(s.X, sheet), step, equal)
	return err
}

// jpeg writes images as one picture of a width in images, reads it back and gives its
// bytes.
func (b *bench) jpeg(s *data.Samples, wide, quality int, back []float32) (int, error) {
	var file bytes.Buffer
	if err := jpeg.Encode(&file, b.picture(s, wide), &jpeg.Options{Quality: quality}); err != nil {
		return 0, err
	}
	size := file.Len()
	got, err := jpeg.Decode(&file)
	if err != nil {
		return 0, err
	}
	for i := range s.Len() {
		b.standardized(got, i%wide*s.Shape.W, i/wide*s.Shape.H, back[i*s.Shape.Size():(i+1)*s.Shape.Size()])
	}
	return size, nil
}

// equal finds the step at which all coefficients take so many bytes, and the PSNR.
func (b *bench) equal(s *data.Samples, size int) (step, distortion float64, err error) {
	fine, coarse := 0.05, 20.0
	for range 10 {
		step = math.Sqrt(fine * coarse)
		t, err := frequency.Open(spectrum.Code{Shape: s.Shape, K: s.Shape.Size(), Step: float32(step)})
		if err != nil {
			return 0, 0, err
		}
		coefficients, err := t.Forward(s.X)
		if err != nil {
			return 0, 0, err
		}
		levels := t.Quantize(coefficients)
		stream, err := t.Encode(levels, s.Y)
		if err != nil {
			return 0, 0, err
		}
		if len(stream) > size {
			fine = step
			continue
		}
		coarse = step
		images, err := t.Inverse(t.Dequantize(levels))
		if err != nil {
			return 0, 0, err
		}
		distortion = b.psnr(s.X, images)
	}
	return coarse, distortion, nil
}

// standardized fills in the values of the image at a place of a picture.
func (b *bench) standardized(from image.Image, x, y int, row []float32) {
	shape := b.Task.Shape
	for p := range shape.H * shape.W {
		c := color.NRGBAModel.Convert(from.At(x+p%shape.W, y+p/shape.W)).(color.NRGBA)
		for e, v := range []uint8{c.R, c.G, c.B}[:shape.C] {
			row[e*shape.H*shape.W+p] = (float32(v)/255 - float32(b.Task.Mean[e])) / float32(b.Task.Std[e])
		}
	}
}

// png gives the bytes of all images, each a file, and as one sheet.
func (b *bench) png(s *data.Samples) (one, sheet float64, err error) {
	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	for i := range s.Len() {
		file.Reset()
		if err := encoder.Encode(&file, b.picture(s.Subset([]int{i}), 1)); err != nil {
			return 0, 0, err
		}
		one += float64(file.Len())
	}
	file.Reset()
	err = encoder.Encode(&file, b.picture(s, sheetWidth))
	return one, float64(file.Len()), err
}
