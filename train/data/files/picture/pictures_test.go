package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// pictures reads a folder of pictures.
func pictures(dir string, opt Options) (train, test *files.Part, err error) {
	return Folder(files.Dir(dir), ".", opt, nil)
}

// grayPNG is a picture whose pixel i is i.
func grayPNG(h, w int) []byte {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = byte(i)
	}
	return encodePNG(m)
}

// colorPNG is one color.
func colorPNG(h, w int, c color.NRGBA) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, c)
		}
	}
	return encodePNG(m)
}

func encodePNG(m image.Image) []byte {
	var b bytes.Buffer
	png.Encode(&b, m)
	return b.Bytes()
}

func grayJPEG(h, w int, v byte) []byte {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = v
	}
	var b bytes.Buffer
	jpeg.Encode(&b, m, nil)
	return b.Bytes()
}

func TestPicturesAreReadByFolder(t *testing.T) {
	red := colorPNG(2, 2, color.NRGBA{200, 100, 50, 255})
	dir := filestest.Folder(t, map[string][]byte{
		"grey/cat/1.png": grayPNG(2, 3), "grey/cat/2.PNG.gz": filestest.Gzip(grayPNG(2, 3)), "grey/ant/x.jpg": grayJPEG(2,
			3, 77),
		"grey/ant/.hidden.png": []byte("x"), "grey/ant/readme.txt": []byte("x"), "grey/.git/a.png": []byte("x"),
		"parts/train/b/1.png": red, "parts/train/a/1.png": grayPNG(2, 2), "parts/val/a/2.png": grayPNG(2, 2),
		"half/a/1.png": colorPNG(1, 1, color.NRGBA{200, 100, 50, 128}),
	})
	p, test, err := pictures(filepath.Join(dir, "grey"), Options{})
	if err != nil || test != nil {
		t.Fatal(test, err)
	}
	filestest.CheckPart(t, p)
	want := append(bytes.Repeat([]byte{77}, 6), 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5)
	if !slices.Equal(p.Dims, []int{1, 2, 3}) || !slices.Equal(p.Names, []string{"ant", "cat"}) || !bytes.Equal(p.Bytes,
		want) {
		t.Errorf("%v %q %v", p.Dims, p.Names, p.Bytes)
	}
	if p, test, err = pictures(filepath.Join(dir, "parts"), Options{}); err != nil || test == nil {
		t.Fatal(test, err)
	}
	want = append(bytes.Repeat([]byte{0, 1, 2, 3}, 3), 200, 200, 200, 200, 100, 100, 100, 100, 50, 50, 50, 50)
	if !slices.Equal(p.Dims, []int{3, 2, 2}) || !bytes.Equal(p.Bytes, want) || !slices.Equal(test.Names, []string{"a"}) {
		t.Errorf("%v %v, test %q", p.Dims, p.Bytes, test.Names)
	}
	if p, _, err = pictures(filepath.Join(dir, "parts"),
		Options{Channels: 1}); err != nil || len(p.Bytes) != 8 || p.Bytes[4] != 124 {
		t.Errorf("colors as grey: %v, %v", p, err)
	}
	if p, _, err = pictures(filepath.Join(dir, "half"),
		Options{Background: "black"}); err != nil || !bytes.Equal(p.Bytes, []byte{100, 50, 25}) {
		t.Errorf("transparent over black: %v, %v", p.Bytes, err)
	}
	if !HasPictures(files.Dir(dir+"/grey"), ".", false) || !HasPictures(files.Dir(dir+"/parts"), ".",
		false) || !HasPictures(files.Dir(dir), ".", true) {
		t.Error("HasPictures")
	}
}

func TestPicturesOfOtherSizesAreResampledOnRequest(t *testing.T) {
	dir := filestest.Folder(t, map[string][]byte{"a/1.jpg": grayJPEG(64, 48, 100), "a/2.png": grayPNG(8, 8),
		"b/1.png": colorPNG(5, 9, color.NRGBA{9, 9, 9, 255})})
	_, _, err := pictures(dir, Options{})
	if !errors.Is(err, files.ErrFormat) || !strings.Contains(err.Error(), "8 x 8 pixels (height x width), want 64 x 48") {
		t.Errorf("two sizes: %v", err)
	}
	p, _, err := pictures(dir, Options{Channels: 1, Height: 8, Width: 8, Resize: true})
	if err != nil {
		t.Fatal(err)
	}
	filestest.CheckPart(t, p)
	if p.Bytes[0] != 100 || p.Bytes[63] != 100 || p.Bytes[64] != 0 || p.Bytes[127] != 63 || p.Bytes[128] != 9 ||
		p.Bytes[191] != 9 {
		t.Errorf("%v", p.Bytes)
	}
	if p, _, err = pictures(dir, Options{Channels: 3, Height: 4, Width: 4,
		Resize: true}); err != nil || p.Bytes[95] < 8 || p.Bytes[95] > 10 && p.Bytes[95] < 50 {
		t.Errorf("%v, %v", p, err)
	}
}

func TestPicturesOfNoSizeAskedForAreBroughtToThatOfMost(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string][]byte
		want  []int
	}{
		"most": {map[string][]byte{"a/1.png": grayPNG(9, 9), "a/2.png": grayPNG(4, 6), "b/1.png": grayPNG(4, 6)},
			[]int{1, 4, 6}},
		"a tie": {map[string][]byte{"a/1.png": grayPNG(9, 9), "b/1.png": grayPNG(8, 2), "b/2.png": grayPNG(2, 8)},
			[]int{1, 2, 8}},
		"over both parts": {map[string][]byte{"train/a/1.png": grayPNG(9, 9), "test/a/1.png": grayPNG(4, 6),
			"test/b/1.png": grayPNG(4, 6)}, []int{1, 4, 6}},
	} {
		p, _, err := pictures(filestest.Folder(t, c.files), Options{Resize: true})
		if err != nil || !slices.Equal(p.Dims, c.want) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestAClassMayBeCalledTrain(t *testing.T) {
	pic := grayPNG(2, 2)
	for name, c := range map[string]struct {
		files   map[string][]byte
		classes []string // nil when these are no pictures in folders of classes
	}{
		"among others": {map[string][]byte{"train/1.png": pic, "car/1.png": pic, "test/1.png": pic},
			[]string{"car", "test", "train"}},
		"with folders in it":   {map[string][]byte{"train/a/1.png": pic, "car/1.png": pic}, []string{"a"}},
		"parts without labels": {map[string][]byte{"train/1.png": pic, "test/1.png": pic}, nil},
	} {
		dir := filestest.Folder(t, c.files)
		if !HasPictures(files.Dir(dir), ".", false) {
			t.Errorf("%s: HasPictures", name)
		}
		p, test, err := pictures(dir, Options{})
		if c.classes == nil && !errors.Is(err, files.ErrFormat) || c.classes != nil && (err != nil || test != nil ||
			!slices.Equal(p.Names, c.classes)) {
			t.Errorf("%s: %+v, test %v, %v", name, p, test != nil, err)
		}
	}
}

// liar is a PNG whose header announces a size that it does not have.
func liar(h, w uint32) []byte {
	b := grayPNG(2, 2)
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestBadPicturesNameFileAndHint(t *testing.T) {
	good := grayPNG(2, 2)
	for name, c := range map[string]struct {
		bad  []byte
		want error
	}{
		"empty": {nil, files.ErrTruncated}, "cut": {good[:len(good)-20], files.ErrFormat}, "cut header": {good[:20],
			files.ErrFormat}, "not a picture": {[]byte("hello, world"), files.ErrFormat},
		"announces too much": {liar(1<<13, 1<<14), files.ErrTooLarge}, "announces what does not come": {liar(3000, 3000),
			files.ErrFormat}, "cut JPEG": {grayJPEG(2, 2, 1)[:30], files.ErrFormat},
		"another size": {grayPNG(3, 2), files.ErrFormat},
	} {
		dir := filestest.Folder(t, map[string][]byte{"a/0.png": good, "b/x.png": c.bad})
		_, _, err := pictures(dir, Options{Height: 2, Width: 2, Resize: name == "announces what does not come"})
		var fe *files.Error
		if !errors.Is(err, c.want) || !errors.As(err, &fe) || fe.Hint == "" || fe.Path != filepath.Join(dir, "b", "x.png") {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, dir := range map[string]string{"no folder": filestest.Folder(t, map[string][]byte{"1.png": good}),
		"an empty class": filestest.Folder(t, map[string][]byte{"a/1.png": good, "b/x": nil})} {
		if _, _, err := pictures(dir, Options{}); !errors.Is(err, files.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzImage(f *testing.F) {
	f.Add(grayPNG(4, 4), false)
	f.Add(colorPNG(4, 4, color.NRGBA{1, 2, 3, 4}), true)
	f.Add(grayJPEG(9, 5, 7), false)
	f.Add(liar(1<<14, 1<<14), true)
	f.Fuzz(func(t *testing.T, b []byte, inColor bool) {
		if f, err := readFacts(b); err != nil || f.width*f.height > 1<<16 {
			return // slow, not wrong
		}
		s := &settings{channels: 1, height: 4, width: 4, resize: true, background: color.Black}
		if inColor {
			s.channels = 3
		}
		p := &files.Part{}
		if err := s.appendTo(p, b); err == nil && len(p.Bytes) != 16*s.channels {
			t.Errorf("%d values", len(p.Bytes))
		}
	})
}

// FuzzFormats reads any bytes as a picture of each format, in a set of pictures.
func FuzzFormats(f *testing.F) {
	p := randomPixels(rand.New(rand.NewPCG(1, 1)), 3, 4, 5, 255)
	for seed := range uint64(24) {
		_, b := p.encode(rand.New(rand.NewPCG(seed, 2)), seed%4 == 0)
		f.Add(b)
	}
	f.Add(filestest.WebP(3, 4, [4]byte{1, 2, 3, 255}, [4]byte{9, 8, 7, 0}, make([]bool, 12), 6))
	f.Add(filestest.GrayAlphaPNG(2, 1, 1, 2, 3, 4))
	f.Add(filestest.TIFF(2, 2, 4, 16, 3, make([]uint16, 16)))
	good := grayPNG(4, 5)
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := readFacts(b)
		if err != nil || facts.width*facts.height > 1<<14 || pages(facts.kind, b) < 1 {
			return // slow, not wrong
		}
		p, err := Encoded([]string{"a", "b"}, []string{"x", "y"}, [][]byte{good, b},
			Options{Height: 4, Width: 5, Resize: true}, &files.Account{Accept: []string{"unreadable-pictures"}})
		if err == nil {
			filestest.CheckPart(t, p)
		}
	})
}
