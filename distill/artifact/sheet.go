package artifact

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
)

// PreviewBytes is the largest size of the preview of a set whose data take a
// number of bytes: an eighth of them, but 1 to 4 KiB. Fewer shades of grey or color, then
// fewer images make it so.
func PreviewBytes(data int) int { return min(max(data/8, 1<<10), MaxPreviewBytes) }

// MaxPreviewBytes is the largest size of any preview.
const MaxPreviewBytes = 4 << 10

// PreviewPerClass is the largest number of images per class in a preview.
const PreviewPerClass = 10

// sheetGap is the space between images, in pixels before scaling.
const sheetGap = 1

// sheetColumns is the largest number of classes shown as columns; more are
// shown as rows.
const sheetColumns = 20

// Sheet draws up to perClass samples of each class as a contact sheet, a column
// per class held (a row per class when there are many), each pixel as scale x
// scale. Values are taken back to
// pixel space and clipped to the range of a picture, which is only for viewing.
func Sheet(task *data.Task, s *data.Samples, perClass, scale int) *image.NRGBA {
	var lines [][]int
	for _, index := range s.ByClass() {
		if len(index) > 0 {
			lines = append(lines, index[:min(len(index), perClass)])
		}
	}
	if len(lines) > sheetColumns {
		return drawGrid(task, s, lines, scale)
	}
	var rows [][]int
	for y := range perClass {
		var row []int
		for _, line := range lines {
			row = append(row, pickOr(line, y, -1))
		}
		if slices.Max(append(row, -1)) < 0 {
			break
		}
		rows = append(rows, row)
	}
	return drawGrid(task, s, rows, scale)
}

// pickOr is line[i], or a default when there is no such index.
func pickOr(line []int, i, or int) int {
	if i < len(line) {
		return line[i]
	}
	return or
}

// PairSheet draws each image (each decoded tile of a formation) beside its
// nearest real one: image, real, image, real, five pairs per row. It holds raw data, so it never leaves the
// device.
func PairSheet(task *data.Task, images, local *data.Samples, d distill.Disclosure, scale int) *image.NRGBA {
	both := &data.Samples{Shape: images.Shape, Classes: images.Classes}
	var rows [][]int
	for i := range images.Len() {
		if i%5 == 0 {
			rows = append(rows, nil)
		}
		row := &rows[len(rows)-1]
		for _, x := range [][]float32{images.Row(i), realOrBlank(local, d.Nearest[i])} {
			*row = append(*row, both.Len())
			both.X = append(both.X, x...)
			both.Y = append(both.Y, images.Y[i])
		}
	}
	return drawGrid(task, both, rows, scale)
}

func realOrBlank(local *data.Samples, i int) []float32 {
	if i < 0 {
		return make([]float32, local.Shape.Size())
	}
	return local.Row(i)
}

func drawGrid(task *data.Task, s *data.Samples, rows [][]int, scale int) *image.NRGBA {
	columns := 1
	for _, row := range rows {
		columns = max(columns, len(row))
	}
	stepX, stepY := s.Shape.W+sheetGap, s.Shape.H+sheetGap
	sheet := image.NewNRGBA(image.Rect(0, 0, scale*(columns*stepX+sheetGap), scale*(max(1, len(rows))*stepY+sheetGap)))
	for i := range sheet.Pix {
		sheet.Pix[i] = 0xff
	}
	pixels := make([]float32, s.Shape.Size())
	for y, row := range rows {
		for x, i := range row {
			if i < 0 {
				continue
			}
			copy(pixels, s.Row(i))
			task.Restore(pixels)
			drawImage(sheet, pixels, s.Shape, sheetGap+x*stepX, sheetGap+y*stepY, scale)
		}
	}
	return sheet
}

func drawImage(sheet *image.NRGBA, pixels []float32, shape data.Shape, left, top, scale int) {
	plane := shape.H * shape.W
	at := func(c, y, x int) uint8 {
		if shape.C < 3 {
			c = 0
		}
		v := math.Min(math.Max(float64(pixels[c*plane+y*shape.W+x]), 0), 1)
		return uint8(math.Round(255 * v))
	}
	for y := range shape.H * scale {
		for x := range shape.W * scale {
			c := color.NRGBA{at(0, y/scale, x/scale), at(1, y/scale, x/scale), at(2, y/scale, x/scale), 0xff}
			sheet.SetNRGBA(left*scale+x, top*scale+y, c)
		}
	}
}

// EncodePNG writes an image as PNG, grey images as grey.
func EncodePNG(img *image.NRGBA) ([]byte, error) { return encodeLevels(img, 256) }

// preview writes a contact sheet with as many images, then shades, as fit in a
// number of bytes; nil when not even one image per class fits.
func preview(task *data.Task, s *data.Samples, most int) ([]byte, error) {
	for perClass := PreviewPerClass; perClass > 0; perClass /= 2 {
		img := Sheet(task, s, perClass, 1)
		for levels := 256; levels >= 4; levels /= 2 {
			out, err := encodeLevels(img, levels)
			if err != nil || len(out) <= most {
				return out, err
			}
		}
	}
	return nil, nil
}

func encodeLevels(img *image.NRGBA, levels int) ([]byte, error) {
	round := func(v uint8) uint8 {
		step := 255 / float64(levels-1)
		return uint8(math.Round(math.Round(float64(v)/step) * step))
	}
	gray := true
	rounded := image.NewNRGBA(img.Rect)
	for i := 0; i < len(img.Pix); i += 4 {
		r, g, b := round(img.Pix[i]), round(img.Pix[i+1]), round(img.Pix[i+2])
		copy(rounded.Pix[i:], []uint8{r, g, b, 0xff})
		gray = gray && r == g && g == b
	}
	var out image.Image = rounded
	if gray {
		out = grayPalette(rounded, levels)
	}
	var buf bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	err := enc.Encode(&buf, out)
	return buf.Bytes(), err
}

// grayPalette stores each pixel as the number of its shade, which PNG packs
// into 1, 2, 4 or 8 bits.
func grayPalette(img *image.NRGBA, levels int) image.Image {
	palette := make(color.Palette, levels)
	for i := range palette {
		v := uint8(math.Round(float64(i) * 255 / float64(levels-1)))
		palette[i] = color.Gray{Y: v}
	}
	out := image.NewPaletted(img.Rect, palette)
	for i := range out.Pix {
		out.Pix[i] = uint8(math.Round(float64(img.Pix[4*i]) * float64(levels-1) / 255))
	}
	return out
}
