package exchange

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/distillmesh/distillmesh/train/data"
)

// pictures writes a folder of PNG files for each class. Pixels are rounded to 8 bits and clipped,
// which is told.
func (e *exporting) pictures() error {
	s, task := e.samples, e.task
	if task.IsTable() || s.Shape.C != 1 && s.Shape.C != 3 {
		return wrong(e.out.Dir, ErrExport, "write the form tensor", "pictures have 1 or 3 channels, task %s has samples "+
			"of %v", task.Name, s.Shape)
	}
	folders := foldersOf(task.Classes)
	digits := len(strconv.Itoa(max(s.Len()-1, 1)))
	clipped, changed, number := 0, 0, make([]int, s.Classes)
	for i := range s.Len() {
		pixels, beyond := pixelsOf(task, s.Row(i))
		clipped += beyond
		changed += different(task, pixels, s.Row(i))
		class := s.Y[i]
		dir := filepath.Join(e.out.Dir, imagesDir, folders[class])
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		var out bytes.Buffer
		if err := png.Encode(&out, drawn(pixels, s.Shape)); err != nil {
			return err
		}
		name := filepath.Join(dir, fmt.Sprintf("%0*d.png", digits, number[class]))
		number[class]++
		if err := os.WriteFile(name, out.Bytes(), 0o666); err != nil {
			return err
		}
	}
	e.out.Files = append(e.out.Files, imagesDir+string(filepath.Separator))
	e.out.Exact = changed == 0
	if changed > 0 {
		e.account.Warn("rounded", "", "%d of %d values are rounded to 8 bits, and %d of them clipped to black or white: the "+
			"form tensor loses nothing", changed, len(s.X), clipped)
	}
	return nil
}

// pixelsOf are the pixels of a sample, plane after plane, and how many lay beyond black or white
// by more than rounding.
func pixelsOf(task *data.Task, row []float32) (pixels []uint8, beyond int) {
	pixels = make([]uint8, len(row))
	plane := len(row) / task.Constants()
	for i, v := range row {
		c := i / plane
		p := math.Round(255 * (float64(v)*task.Std[c] + task.Mean[c]))
		if p < 0 || p > 255 {
			beyond++
		}
		pixels[i] = uint8(min(max(p, 0), 255))
	}
	return pixels, beyond
}

// different counts the values that reading the pixels gives otherwise.
func different(task *data.Task, pixels []uint8, row []float32) (n int) {
	again := make([]float32, len(row))
	for i, p := range pixels {
		again[i] = float32(p) / 255
	}
	task.Standardize(again)
	for i, v := range again {
		if v != row[i] {
			n++
		}
	}
	return n
}

// drawn is an image of pixels that stand plane after plane.
func drawn(pixels []uint8, s data.Shape) image.Image {
	area := image.Rect(0, 0, s.W, s.H)
	if s.C == 1 {
		return &image.Gray{Pix: pixels, Stride: s.W, Rect: area}
	}
	out := image.NewNRGBA(area)
	plane := s.H * s.W
	for i := range plane {
		for c := range 3 {
			out.Pix[4*i+c] = pixels[c*plane+i]
		}
		out.Pix[4*i+3] = 0xff
	}
	return out
}
