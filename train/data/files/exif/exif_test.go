package exif

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"reflect"
	"testing"
)

// tiff is metadata with some tags, the orientation among them.
func tiff(order binary.AppendByteOrder, kind uint16, orientation int) []byte {
	out := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		out = []byte("MM\x00*")
	}
	out = append(order.AppendUint32(out, 10), 0, 0)
	out = order.AppendUint16(out, 3)
	for _, tag := range []uint16{271, 274, 282} {
		out = order.AppendUint16(out, tag)
		if out = order.AppendUint16(out, kind); tag != 274 {
			out = order.AppendUint32(order.AppendUint32(out, 5), 7)
			continue
		}
		out = order.AppendUint32(out, 1)
		if kind == 4 {
			out = order.AppendUint32(out, uint32(orientation))
		} else {
			out = append(order.AppendUint16(out, uint16(orientation)), 0, 0)
		}
	}
	return order.AppendUint32(out, 0)
}

func jpeg(meta []byte) []byte {
	segment := func(marker byte, content string) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(content)+2)), content...)
	}
	return bytes.Join([][]byte{{0xff, 0xd8}, segment(0xe0, "JFIF\x00"), {0xff, 0xff},
		segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00")[1:], segment(0xe1, "Exif\x00\x00"+string(meta)), {0xff, 0xda}}, nil)
}

func png(meta []byte) []byte {
	chunk := func(name string, content []byte) []byte {
		out := append(binary.BigEndian.AppendUint32(nil, uint32(len(content))), name...)
		out = append(out, content...)
		return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
	}
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", make([]byte, 13)),
		chunk("IDAT", []byte("pixels")), chunk("eXIf", meta), chunk("IEND", nil)}, nil)
}

func webp(meta []byte) []byte {
	chunk := func(name string, content []byte) []byte {
		out := append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(content))), content...)
		return append(out, make([]byte, len(content)&1)...)
	}
	body := bytes.Join([][]byte{[]byte("WEBP"), chunk("VP8X", make([]byte, 10)), chunk("VP8 ", []byte("odd")),
		chunk("EXIF", meta)}, nil)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// containers are all formats that hold an orientation.
var containers = map[string]func([]byte) []byte{"JPEG": jpeg, "PNG": png, "WebP": webp,
	"TIFF":               func(b []byte) []byte { return b },
	"WebP with a prefix": func(b []byte) []byte { return webp(append([]byte("Exif\x00\x00"), b...)) }}

func TestTheOrientationIsReadFromEveryFormat(t *testing.T) {
	for name, container := range containers {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, kind := range []uint16{3, 4} {
				for o := 1; o <= 8; o++ {
					if got := Orientation(container(tiff(order, kind, o))); got != o {
						t.Errorf("%s, %v, type %d: %d, want %d", name, order, kind, got, o)
					}
				}
			}
		}
	}
}

func TestWithoutAnOrientationAPictureIsUpright(t *testing.T) {
	for name, container := range containers {
		whole := container(tiff(binary.LittleEndian, 3, 6))
		if Orientation(whole) != 6 {
			t.Errorf("%s is not read", name)
		}
		for n := range bytes.LastIndex(whole, []byte{6, 0}) {
			if got := Orientation(whole[:n]); got != 1 {
				t.Errorf("%s cut to %d bytes: %d", name, n, got)
			}
		}
		for _, meta := range [][]byte{nil, []byte("II*\x00\xff\xff\xff\xff"), tiff(binary.LittleEndian, 3, 0),
			tiff(binary.LittleEndian, 3, 9), tiff(binary.BigEndian, 4, 1<<20), tiff(binary.BigEndian, 2, 6)} {
			if got := Orientation(container(meta)); got != 1 {
				t.Errorf("%s with %q: %d", name, meta, got)
			}
		}
	}
	if Orientation(nil) != 1 || Orientation([]byte("GIF89a")) != 1 {
		t.Error("other formats have an orientation")
	}
}

func FuzzOrientation(f *testing.F) {
	for _, container := range containers {
		for o := range 9 {
			b := container(tiff(binary.LittleEndian, 3, o))
			f.Add(b)
			f.Add(b[:len(b)-20])
			b = bytes.Clone(b)
			b[len(b)-30] ^= 0xff
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if o := Orientation(b); o < 1 || o > 8 {
			t.Fatalf("orientation %d", o)
		}
	})
}

// turned is what becomes of the rows 1 2 3 and 4 5 6, by orientation. As EXIF
// says it of 6: the first row is seen at the right, the first column at the top.
var turned = [9][][]int{
	1: {{1, 2, 3}, {4, 5, 6}},
	2: {{3, 2, 1}, {6, 5, 4}},
	3: {{6, 5, 4}, {3, 2, 1}},
	4: {{4, 5, 6}, {1, 2, 3}},
	5: {{1, 4}, {2, 5}, {3, 6}},
	6: {{4, 1}, {5, 2}, {6, 3}},
	7: {{6, 3}, {5, 2}, {4, 1}},
	8: {{3, 6}, {2, 5}, {1, 4}},
}

// shade is the color that stands for a number.
func shade(n int) color.NRGBA64 {
	return color.NRGBA64{uint16(n * 9001), uint16(n * 7001), uint16(65535 - n*5003), 65535}
}

func TestPixelsComeToTheirPlaceInEveryOrientationAndType(t *testing.T) {
	var palette color.Palette
	for n := range 7 {
		palette = append(palette, shade(n))
	}
	inner := image.Rect(2, 1, 5, 3) // of a larger picture
	all := inner.Inset(-2)
	for _, c := range []struct {
		whole draw.Image
		part  func(draw.Image) image.Image
		want  image.Image
	}{
		{image.NewGray(all), nil, &image.Gray{}}, {image.NewGray16(all), nil,
			&image.Gray16{}}, {image.NewPaletted(all, palette), nil, &image.Paletted{}},
		{image.NewRGBA(all), nil, &image.RGBA{}}, {image.NewNRGBA(all), nil, &image.NRGBA{}}, {image.NewCMYK(all), nil,
			&image.CMYK{}},
		{image.NewRGBA64(all), nil, &image.RGBA64{}}, {image.NewNRGBA64(all), nil, &image.NRGBA64{}},
		{image.NewNRGBA64(all),
			func(m draw.Image) image.Image { return struct{ image.Image }{m.(*image.NRGBA64).SubImage(inner)} },
			&image.NRGBA64{}},
	} {
		for y := range 2 {
			for x := range 3 {
				c.whole.Set(inner.Min.X+x, inner.Min.Y+y, shade(turned[1][y][x]))
			}
		}
		part := c.whole.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(inner)
		if c.part != nil {
			part = c.part(c.whole)
		}
		for o := 2; o <= 8; o++ {
			t.Run(fmt.Sprintf("%T orientation %d", c.whole, o), func(t *testing.T) {
				got := Apply(part, o)
				if reflect.TypeOf(got) != reflect.TypeOf(c.want) {
					t.Fatalf("a picture of %T, want %T", got, c.want)
				}
				if want := image.Rect(0, 0, len(turned[o][0]), len(turned[o])); got.Bounds() != want {
					t.Fatalf("bounds %v, want %v", got.Bounds(), want)
				}
				for y, row := range turned[o] {
					for x, n := range row {
						if want := c.whole.ColorModel().Convert(shade(n)); got.At(x, y) != want {
							t.Errorf("at %d,%d %v, want %v", x, y, got.At(x, y), want)
						}
					}
				}
			})
		}
	}
}

func TestYCbCrIsTurnedAsRGBA(t *testing.T) {
	src := image.NewYCbCr(image.Rect(0, 0, 3, 2), image.YCbCrSubsampleRatio420)
	alpha := image.NewNYCbCrA(src.Rect, image.YCbCrSubsampleRatio444)
	for i := range src.Y {
		src.Y[i], alpha.Y[i], alpha.A[i] = uint8(40*i), uint8(40*i), uint8(50*i)
		alpha.Cb[i], alpha.Cr[i] = uint8(10*i), uint8(200-10*i)
	}
	src.Cb[0], src.Cr[1] = 200, 90
	for _, img := range []image.Image{src, alpha} {
		got := Apply(img, 6)
		for y, row := range turned[6] {
			for x, n := range row {
				want := got.ColorModel().Convert(img.At((n-1)%3, (n-1)/3))
				if got.At(x, y) != want {
					t.Errorf("%T at %d,%d: %v, want %v", img, x, y, got.At(x, y), want)
				}
			}
		}
	}
}

func TestWhatIsUprightIsNotCopied(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 2, 2))
	for _, o := range []int{-1, 0, 1, 9} {
		if Apply(img, o) != image.Image(img) {
			t.Errorf("orientation %d copies", o)
		}
	}
	if got := Apply(image.NewGray(image.Rect(3, 3, 3, 9)), 6); !got.Bounds().Empty() {
		t.Errorf("an empty picture becomes %v", got.Bounds())
	}
}
