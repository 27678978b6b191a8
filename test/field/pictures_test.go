package field

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// stored is how a picture of 2 x 3 pixels a b c / d e f lies in a file that an
// orientation turns upright, and its size there (height, width).
var stored = map[int]struct {
	h, w   int
	pixels string
}{
	1: {2, 3, "abcdef"}, 2: {2, 3, "cbafed"}, 3: {2, 3, "fedcba"}, 4: {2, 3, "defabc"},
	5: {3, 2, "adbecf"}, 6: {3, 2, "cfbead"}, 7: {3, 2, "fcebda"}, 8: {3, 2, "daebfc"},
}

// shade is the grey of a letter.
func shade(letter byte) byte { return (letter - 'a') * 50 }

func shades(letters string) []byte {
	out := []byte(letters)
	for i := range out {
		out[i] = shade(out[i])
	}
	return out
}

// grays are grey values as a model gets them.
func grays(values ...byte) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v) / 255
	}
	return out
}

// Old: the orientation was not read, and turned pictures were distilled turned.
func TestPicturesAreTurnedUpright(t *testing.T) {
	var cases []fieldCase
	for o := 1; o <= 8; o++ {
		p := stored[o]
		want := rows(grays(shades("abcdef")...), grays(shades("abcdef")...))
		flat := ft.PNG(ft.Gray(2, 3, shades("abcdef")...))
		gray := ft.Gray(p.h, p.w, shades(p.pixels)...)
		wide := make([]uint16, 6)
		for i, v := range shades(p.pixels) {
			wide[i] = uint16(v)
		}
		bright := make([]bool, 6)
		var two []float32
		for i := range 6 {
			bright[i] = p.pixels[i] == 'b' || p.pixels[i] == 'f'
		}
		for plane, v := range []byte{200, 100, 250} {
			for _, letter := range "abcdef" {
				if letter == 'b' || letter == 'f' {
					two = append(two, float32(v)/255)
				} else {
					two = append(two, float32(10*plane)/255)
				}
			}
		}
		// A JPEG does not keep single pixels: blocks of 8 x 8.
		blocks := ft.Gray(8*p.h, 8*p.w)
		for i := range blocks.Pix {
			blocks.Pix[i] = shade(p.pixels[i/(8*p.w)/8*p.w+i%(8*p.w)/8])
		}
		var jpeg []float32
		for i := range 16 * 24 {
			jpeg = append(jpeg, float32(shade("abcdef"[i/24/8*3+i%24/8]))/255)
		}
		cases = append(cases,
			fieldCase{name: fmt.Sprint("PNG ", o), files: map[string][]byte{"x/1.png": ft.TurnedPNG(ft.PNG(gray), o,
				false), "y/1.png": flat}, train: want, y: []int{0, 1}},
			fieldCase{name: fmt.Sprint("PNG, behind the pixels, ", o),
				files: map[string][]byte{"x/1.png": ft.TurnedPNG(ft.PNG(gray), o, true), "y/1.png": flat}, train: want},
			fieldCase{name: fmt.Sprint("TIFF ", o), files: map[string][]byte{"x/1.tif": ft.TIFF(p.h, p.w, 1, 8, o,
				wide), "y/1.png": flat}, train: want},
			fieldCase{name: fmt.Sprint("JPEG ", o), files: map[string][]byte{"x/1.jpg": ft.TurnedJPEG(ft.JPEG(blocks),
				o), "y/1.jpg": ft.TurnedJPEG(ft.JPEG(blocks), o)}, train: rows(jpeg, jpeg)},
			fieldCase{name: fmt.Sprint("WebP ", o), files: map[string][]byte{"x/1.webp": ft.WebP(p.h, p.w, [4]byte{0,
				10, 20, 255}, [4]byte{200, 100, 250, 255}, bright, o),
				"y/1.webp": ft.WebP(p.h, p.w, [4]byte{0, 10, 20, 255}, [4]byte{200, 100, 250, 255}, bright, o)},
				train: rows(two, two)},
		)
	}
	walk(t, cases)
}

// Large files have what turns them far behind their beginning.
func TestLargePicturesAreTurnedUprightToo(t *testing.T) {
	const side = 600
	noise := make([]byte, side*side)
	wide := make([]uint16, side*side)
	rgb := make([]uint16, 3*side*side)
	state := uint32(1)
	for i := range noise {
		state = state*1664525 + 1013904223
		noise[i] = byte(state >> 24)
		wide[i] = uint16(noise[i])
		for k := range 3 {
			rgb[3*i+k] = uint16(noise[i])
		}
	}
	turned := make([]float32, len(noise)) // a half turn
	for i, v := range noise {
		turned[len(noise)-1-i] = float32(v) / 255
	}
	for name, c := range map[string]struct {
		content []byte
		planes  int
	}{"TIFF": {ft.TIFF(side, side, 1, 8, 3, wide), 1}, "TIFF in color": {ft.TIFF(side, side, 3, 8, 3, rgb),
		3}, "PNG": {ft.TurnedPNG(ft.PNG(ft.Gray(side, side, noise...)), 3, true), 1}} {
		one := fieldCase{files: map[string][]byte{"x/1": c.content, "y/1": c.content},
			train: rows(repeated(turned, c.planes), repeated(turned, c.planes)), notes: []string{"orientation"}}
		t.Run(name, func(t *testing.T) { one.check(t) })
	}
}

func repeated(v []float32, n int) (out []float32) {
	for range n {
		out = append(out, v...)
	}
	return out
}

// deepPNG is a grey picture of 16 bits.
func deepPNG(h, w int, values ...uint16) []byte {
	m := image.NewGray16(image.Rect(0, 0, w, h))
	for i, v := range values {
		m.SetGray16(i%w, i/w, color.Gray16{Y: v})
	}
	return ft.PNG(m)
}

// Old: 16 bits were cut to the upper 8, so that 8 to 12 used bits became black.
func TestPicturesOfSixteenBitsKeepWhatTheyUse(t *testing.T) {
	var cases []fieldCase
	for _, bits := range []int{8, 10, 12, 16} {
		white := uint16(1<<bits - 1)
		values := []uint16{0, white / 3, white / 2, white}
		x := make([]float32, 4)
		for i, v := range values {
			x[i] = float32(float64(v) / float64(white))
		}
		dim := make([]uint16, 4)
		xd := make([]float32, 4)
		for i, v := range values {
			dim[i] = v / 7 * 5
			xd[i] = float32(float64(dim[i]) / float64(white))
		}
		says := fmt.Sprintf("white is %d", white)
		cases = append(cases,
			fieldCase{name: fmt.Sprint("PNG of ", bits),
				files: map[string][]byte{"a/1.png": deepPNG(2, 2, values...),
					"b/1.png": deepPNG(2, 2, values...)}, train: rows(x, x), says: says, notes: []string{"deep"}},
			fieldCase{name: fmt.Sprint("PNG of ", bits, ", not all used"),
				files: map[string][]byte{"a/1.png": deepPNG(2, 2, dim...),
					"b/1.png": deepPNG(2, 2, dim...)}, train: rows(xd, xd), says: says},
			fieldCase{name: fmt.Sprint("TIFF of ", bits),
				files: map[string][]byte{"a/1.tif": ft.TIFF(2, 2, 1, 16, 1, values),
					"b/1.tif": ft.TIFF(2, 2, 1, 16, 1, values)}, train: rows(x, x), says: says},
			fieldCase{name: fmt.Sprint("white said, of ", bits),
				files: map[string][]byte{"a/1.png": deepPNG(2, 2, dim...),
					"b/1.png": deepPNG(2, 2, dim...)}, r: open.Reading{White: float64(white)}, train: rows(xd, xd)},
		)
	}
	rgb := make([]uint16, 12)
	var planes [12]float32
	for i := range rgb {
		rgb[i] = uint16(4095 * i / 11)
		planes[i%3*4+i/3] = float32(float64(rgb[i]) / 4095)
	}
	third := []uint16{0, 21845, 43690, 65535}
	x := []float32{0, 1. / 3, 2. / 3, 1}
	cases = append(cases,
		fieldCase{name: "color of 12", files: map[string][]byte{"a/1.tif": ft.TIFF(2, 2, 3, 16, 1, rgb),
			"b/1.tif": ft.TIFF(2, 2, 3, 16, 1, rgb)}, train: rows(planes[:], planes[:]), says: "white is 4095"},
		fieldCase{name: "beside 8 bits", files: map[string][]byte{"a/1.png": deepPNG(2, 2, third...),
			"b/1.png": ft.PNG(ft.Gray(2, 2, 0, 85, 170, 255))}, train: rows(x, x), says: "white is 65535"},
		fieldCase{name: "resampled, of 12", files: map[string][]byte{"a/1.png": deepPNG(2, 2, 0, 4095, 4095, 0),
			"b/1.png": deepPNG(5, 5, make([]uint16,
				25)...)}, r: open.Reading{Resize: true}, draft: data.Task{Shape: data.Shape{C: 1, H: 7, W: 7}},
			says: "white is 4095"},
		fieldCase{name: "of no usual range", files: map[string][]byte{"a/1.png": deepPNG(2, 2, 0, 100, 200, 400),
			"b/1.png": deepPNG(2, 2, 0, 100, 200, 400)}, refused: "--white"},
		fieldCase{name: "nearly black", files: map[string][]byte{"a/1.png": deepPNG(2, 2, 0, 1, 2, 3),
			"b/1.png": deepPNG(2, 2, 3, 2, 1, 0)}, says: "all images are dark"},
	)
	walk(t, cases)
}

// nrgba is a picture of pixels with straight alpha.
func nrgba(h, w int, pixels ...color.NRGBA) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i, p := range pixels {
		m.SetNRGBA(i%w, i/w, p)
	}
	return m
}

// Old: transparent pixels were put over black, so that black drawings vanished.
func TestTransparentPixelsLieOverWhatShowsTheDrawing(t *testing.T) {
	ink := func(v byte) []byte {
		return ft.PNG(nrgba(3, 1, color.NRGBA{v, v, v, 255}, color.NRGBA{}, color.NRGBA{v, v, v, 51}))
	}
	both := func(b []byte) map[string][]byte { return map[string][]byte{"a/1.png": b, "b/1.png": b} }
	three := func(v ...byte) [][]float32 {
		x := repeated(grays(v...), 3)
		return rows(x, x)
	}
	palette := image.NewPaletted(image.Rect(0, 0, 1, 3),
		color.Palette{color.NRGBA{}, color.NRGBA{10, 10, 10, 255}, color.NRGBA{0, 0, 0, 255}})
	copy(palette.Pix, []byte{1, 0, 2})
	light := image.NewPaletted(image.Rect(0, 0, 1, 3), color.Palette{color.NRGBA{}, color.NRGBA{250, 250, 250, 255}})
	copy(light.Pix, []byte{1, 0, 1})
	tiff := ft.TIFF(3, 1, 4, 8, 1, []uint16{0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 51})
	var g bytes.Buffer
	if err := gif.Encode(&g, palette, nil); err != nil {
		t.Fatal(err)
	}
	webp := ft.WebP(3, 1, [4]byte{0, 0, 0, 255}, [4]byte{0, 0, 0, 0}, []bool{false, true, false}, 0)
	gray := func(v byte) []byte { return ft.GrayAlphaPNG(3, 1, v, 255, 0, 0, v, 51) }
	walk(t, []fieldCase{
		{name: "a dark drawing", files: both(ink(0)), train: three(0, 255, 204), notes: []string{"background"}},
		{name: "a bright drawing", files: both(ink(255)), train: three(255, 0, 51), notes: []string{"background"}},
		{name: "a dark drawing, black asked for", files: both(ink(0)), r: open.Reading{Background: "black"},
			train: three(0, 0, 0)},
		{name: "a bright drawing, white asked for", files: both(ink(255)), r: open.Reading{Background: "white"},
			train: three(255, 255, 255)},
		{name: "a color asked for", files: both(ink(0)), r: open.Reading{Background: "#336699"},
			train: func() [][]float32 {
				x := append(append(grays(0, 0x33, 40), grays(0, 0x66, 81)...), grays(0, 0x99, 122)...)
				return rows(x, x)
			}()},
		{name: "a palette, dark", files: both(ft.PNG(palette)), train: rows(grays(10, 255, 0), grays(10, 255, 0)),
			notes: []string{"background"}},
		{name: "a palette, bright", files: both(ft.PNG(light)), train: rows(grays(250, 0, 250), grays(250, 0, 250))},
		{name: "a GIF", files: map[string][]byte{"a/1.gif": g.Bytes(), "b/1.gif": g.Bytes()},
			train: rows(grays(10, 255, 0), grays(10, 255, 0))},
		{name: "a TIFF", files: map[string][]byte{"a/1.tif": tiff, "b/1.tif": tiff}, train: three(0, 255, 204)},
		{name: "a WebP", files: map[string][]byte{"a/1.webp": webp, "b/1.webp": webp}, train: three(0, 255, 0)},
		{name: "grey with alpha, dark", files: both(gray(0)), train: rows(grays(0, 255, 204), grays(0, 255, 204)),
			notes: []string{"background"}},
		{name: "grey with alpha, bright", files: both(gray(255)), train: rows(grays(255, 0, 51), grays(255, 0, 51))},
		{name: "alpha that is nowhere open", files: both(ft.PNG(nrgba(2, 1, color.NRGBA{1, 2, 3, 255}, color.NRGBA{4, 5,
			6, 255}))), train: rows(grays(1, 4, 2, 5, 3, 6), grays(1, 4, 2, 5, 3, 6))},
		{name: "no color", files: both(ink(0)), r: open.Reading{Background: "pink"}, refused: "--background"},
	})
}
