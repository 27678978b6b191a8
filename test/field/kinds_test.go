package field

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"testing"

	"golang.org/x/image/bmp"

	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/open"
)

func encodeBMP(m image.Image) []byte {
	var b bytes.Buffer
	if err := bmp.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// encodeGIF writes frames of grey values.
func encodeGIF(frames ...*image.Gray) []byte {
	var b bytes.Buffer
	all := &gif.GIF{}
	for _, f := range frames {
		var palette color.Palette
		for v := range 256 {
			palette = append(palette, color.Gray{Y: byte(v)})
		}
		m := image.NewPaletted(f.Bounds(), palette)
		copy(m.Pix, f.Pix)
		all.Image, all.Delay = append(all.Image, m), append(all.Delay, 0)
	}
	if err := gif.EncodeAll(&b, all); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// wide are bytes as samples.
func wide(v ...byte) []uint16 {
	out := make([]uint16, len(v))
	for i := range v {
		out[i] = uint16(v[i])
	}
	return out
}

// Old: only .png, .jpg and .jpeg were read, the others passed over in silence.
func TestPicturesAreKnownByTheirContent(t *testing.T) {
	gray := ft.Gray(2, 2, 0, 50, 100, 200)
	x := grays(0, 50, 100, 200)
	uniform := ft.Gray(2, 2, 90, 90, 90, 90)
	flat := grays(90, 90, 90, 90)
	all := map[string][]byte{}
	add := func(class string, content []byte, endings ...string) {
		for i, e := range endings {
			all[fmt.Sprintf("%s/%d%s", class, i, e)] = content
		}
	}
	add("a", ft.PNG(gray), ".png", ".PNG", ".jpg", ".dat", "", ".txt")
	add("b", ft.JPEG(uniform), ".jpg", ".JPEG", ".jfif", ".jpe", ".png", "")
	add("c", encodeGIF(gray), ".gif", ".png")
	add("d", encodeBMP(gray), ".bmp", ".dib", ".jpg")
	add("e", ft.TIFF(2, 2, 1, 8, 1, wide(0, 50, 100, 200)), ".tif", ".TIFF", ".png")
	var want [][]float32
	var y []int
	for class, n := range []int{6, 6, 2, 3, 3} {
		for range n {
			if y = append(y, class); class == 1 {
				want = append(want, flat)
			} else {
				want = append(want, x)
			}
		}
	}
	webp := ft.WebP(2, 2, [4]byte{0, 0, 0, 255}, [4]byte{200, 100, 50, 255}, []bool{false, true, false, false}, 0)
	wx := append(append(grays(0, 200, 0, 0), grays(0, 100, 0, 0)...), grays(0, 50, 0, 0)...)
	animated := encodeGIF(gray, uniform, uniform)
	twoPages := twoPageTIFF(ft.TIFF(2, 2, 1, 8, 1, wide(0, 50, 100, 200)))
	walk(t, []fieldCase{
		{name: "every kind under every ending", files: all, train: want, y: y,
			classes: []string{"a", "b", "c", "d", "e"}},
		{name: "WebP", files: map[string][]byte{"a/1.webp": webp, "b/1.png": webp, "b/2": webp},
			train: rows(wx, wx, wx), y: []int{0, 1, 1}},
		{name: "several frames", files: map[string][]byte{"a/1.gif": animated, "b/1.gif": encodeGIF(gray)},
			train: rows(x, x), notes: []string{"pages"}},
		{name: "several pages", files: map[string][]byte{"a/1.tif": twoPages, "b/1.gif": encodeGIF(gray)},
			train: rows(x, x), notes: []string{"pages"}},
		{name: "formats that are not read", files: map[string][]byte{"a/1.png": ft.PNG(gray),
			"a/2.heic": []byte("\x00\x00\x00\x18ftypheic"), "b/1.png": ft.PNG(gray), "b/2.svg": []byte("<svg/>")},
			train: rows(x, x), notes: []string{"pictures-not-read"}, says: "a/2.heic"},
		{name: "other files in a class", files: map[string][]byte{"a/1.png": ft.PNG(gray),
			"a/notes.txt": []byte("hello"), "a/x.xml": []byte("<x/>"), "b/1.png": ft.PNG(gray)}, train: rows(x, x),
			says: "not read: 1, no pictures (.xml): a/x.xml"},
		{name: "a page of an error for a picture", files: map[string][]byte{"a/1.png": ft.PNG(gray),
			"b/1.png": ft.PNG(gray), "b/2.jpg": []byte("<html>404 not found</html>")}, refused: "b/2.jpg"},
		{name: "that page accepted", files: map[string][]byte{"a/1.png": ft.PNG(gray), "b/1.png": ft.PNG(gray),
			"b/2.jpg": []byte("<html>404 not found</html>")},
			r: open.Reading{Accept: []string{"unreadable-pictures"}}, train: rows(x, x), says: "b/2.jpg"},
		{name: "signed samples", files: map[string][]byte{"a/1.tif": signedTIFF(), "b/1.tif": signedTIFF()},
			refused: "sample format"},
		{name: "bits in reverse", files: map[string][]byte{"a/1.tif": reversedTIFF(), "b/1.tif": reversedTIFF()},
			refused: "bits in reverse order"},
		{name: "compressed", files: map[string][]byte{"a/1.png.gz": ft.Gzip(ft.PNG(gray)),
			"b/1.bmp.gz": ft.Gzip(encodeBMP(gray))}, train: rows(x, x)},
	})
}

// twoPageTIFF points the directory of a TIFF file at a copy of itself.
func twoPageTIFF(b []byte) []byte {
	at := int(b[4]) | int(b[5])<<8
	size := 2 + 12*int(b[at]) + 4
	out := append(bytes.Clone(b), b[at:at+size]...)
	out[len(b)-4], out[len(b)-3] = byte(len(b)), byte(len(b)>>8)
	return out
}

// signedTIFF says that its 16 bits are signed.
func signedTIFF() []byte {
	b := ft.TIFF(2, 2, 1, 16, 1, []uint16{0, 1, 0xffff, 2})
	at := int(b[4]) | int(b[5])<<8
	out := append(bytes.Clone(b[:len(b)-4]), 0x53, 1, 3, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0)
	out[at]++
	return out
}

// reversedTIFF says that the bits of a byte are in reverse order.
func reversedTIFF() []byte {
	b := ft.TIFF(2, 2, 1, 8, 1, wide(0, 50, 100, 200))
	at := int(b[4]) | int(b[5])<<8
	behind := at + 2 + 12*5 // the tags up to 262
	out := append(bytes.Clone(b[:behind]), 10, 1, 3, 0, 1, 0, 0, 0, 2, 0, 0, 0)
	out[at]++
	return append(out, b[behind:]...)
}

// Old: only files directly in a class folder were read.
func TestPicturesBelowTheFolderOfTheirClassBelongToIt(t *testing.T) {
	pic := func(v byte) []byte { return ft.PNG(ft.Gray(2, 2, v, v, v, v)) }
	x := func(v byte) []float32 { return grays(v, v, v, v) }
	deep := map[string][]byte{"a/1.png": pic(1), "b/s/t/u/v/1.png": pic(3)}
	walk(t, []fieldCase{
		{name: "some nested", files: map[string][]byte{"a/1.png": pic(1), "a/more/2.png": pic(2), "b/1.png": pic(3)},
			train: rows(x(1), x(2), x(3)), y: []int{0, 0, 1}, notes: []string{"nested"}},
		{name: "deeply", files: deep, train: rows(x(1), x(3)), y: []int{0, 1}},
		{name: "all nested, by people", files: map[string][]byte{"a/p1/1.png": pic(1), "a/p2/1.png": pic(2),
			"b/p1/1.png": pic(3), "b/p3/1.png": pic(4)}, train: rows(x(1), x(2), x(3), x(4)), y: []int{0, 0, 1, 1},
			notes: []string{"nested"}},
		{name: "below parts", files: map[string][]byte{"train/a/p/1.png": pic(1), "train/b/1.png": pic(2),
			"test/a/1.png": pic(3), "test/b/q/1.png": pic(4)}, train: rows(x(1), x(2)), test: rows(x(3), x(4)),
			testY: []int{0, 1}},
		{name: "a wrapping folder", files: map[string][]byte{"set/a/1.png": pic(1), "set/b/1.png": pic(2),
			"README.md": []byte("x")}, train: rows(x(1), x(2)), classes: []string{"a", "b"}},
		{name: "two wrapping folders", files: map[string][]byte{"one/set/a/1.png": pic(1), "one/set/b/1.png": pic(2)},
			train: rows(x(1), x(2)), classes: []string{"a", "b"}},
		{name: "a folder that is called like a picture",
			files: map[string][]byte{"a/cat.png/1.png": pic(1), "b/1.png": pic(2)}, train: rows(x(1), x(2)), y: []int{0,
				1}},
		{name: "the same folders in two that look like parts of something",
			files: map[string][]byte{"asl_train/a/1.png": pic(1), "asl_train/b/1.png": pic(2),
				"asl_test/a/1.png": pic(3), "asl_test/b/1.png": pic(4)},
			train: rows(x(1), x(2)), test: rows(x(3), x(4)), classes: []string{"a", "b"}},
		{name: "parts that wrap themselves", files: map[string][]byte{"seg_train/seg_train/a/1.png": pic(1),
			"seg_train/seg_train/b/1.png": pic(2), "seg_test/seg_test/a/1.png": pic(3), "seg_test/seg_test/b/1.png": pic(4),
			"seg_pred/seg_pred/9.png": pic(9)},
			train: rows(x(1), x(2)), test: rows(x(3), x(4)), classes: []string{"a", "b"}, says: "seg_pred"},
	})
}
