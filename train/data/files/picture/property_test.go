package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// pixels are the values of a picture, c planes of h x w.
type pixels struct {
	c, h, w int
	v       []uint16
}

func randomPixels(r *rand.Rand, c, h, w, white int) *pixels {
	p := &pixels{c, h, w, make([]uint16, c*h*w)}
	for i := range p.v {
		p.v[i] = uint16(r.IntN(white + 1))
	}
	return p
}

// unturned is the picture as it must be stored to be upright under an orientation.
func (p *pixels) unturned(orientation int) *pixels {
	out := &pixels{p.c, p.h, p.w, make([]uint16, len(p.v))}
	if orientation > 4 {
		out.h, out.w = p.w, p.h
	}
	for k := range p.c {
		for y := range p.h {
			for x := range p.w {
				sy, sx := y, x
				switch orientation { // where the upright pixel is stored
				case 2:
					sx = p.w - 1 - x
				case 3:
					sy, sx = p.h-1-y, p.w-1-x
				case 4:
					sy = p.h - 1 - y
				case 5:
					sy, sx = x, y
				case 6:
					sy, sx = p.w-1-x, y
				case 7:
					sy, sx = p.w-1-x, p.h-1-y
				case 8:
					sy, sx = x, p.h-1-y
				}
				out.v[(k*out.h+sy)*out.w+sx] = p.v[(k*p.h+y)*p.w+x]
			}
		}
	}
	return out
}

func (p *pixels) at(k, y, x int) uint16 { return p.v[(min(k, p.c-1)*p.h+y)*p.w+x] }

// samples are the pixels side by side.
func (p *pixels) samples() (out []uint16) {
	for i := range p.h * p.w {
		for k := range p.c {
			out = append(out, p.v[k*p.h*p.w+i])
		}
	}
	return out
}

// picture is an image of Go, with 16 bits where deep.
func (p *pixels) picture(deep bool) image.Image {
	frame := image.Rect(0, 0, p.w, p.h)
	var gray image.Image
	switch {
	case p.c == 1 && deep:
		m := image.NewGray16(frame)
		for i := range p.v {
			m.SetGray16(i%p.w, i/p.w, color.Gray16{Y: p.v[i]})
		}
		gray = m
	case p.c == 1:
		m := image.NewGray(frame)
		for i := range p.v {
			m.SetGray(i%p.w, i/p.w, color.Gray{Y: byte(p.v[i])})
		}
		gray = m
	case deep:
		m := image.NewRGBA64(frame)
		for i := range p.h * p.w {
			y, x := i/p.w, i%p.w
			m.SetRGBA64(x, y, color.RGBA64{R: p.at(0, y, x), G: p.at(1, y, x), B: p.at(2, y, x), A: 0xffff})
		}
		return m
	default:
		m := image.NewRGBA(frame)
		for i := range p.h * p.w {
			y, x := i/p.w, i%p.w
			m.SetRGBA(x, y, color.RGBA{R: byte(p.at(0, y, x)), G: byte(p.at(1, y, x)), B: byte(p.at(2, y, x)), A: 255})
		}
		return m
	}
	return gray
}

// paletted is a picture of at most 256 pixels, each with an entry of its own.
func (p *pixels) paletted() *image.Paletted {
	m := image.NewPaletted(image.Rect(0, 0, p.w, p.h), nil)
	for i := range p.h * p.w {
		y, x := i/p.w, i%p.w
		m.Palette = append(m.Palette, color.RGBA{R: byte(p.at(0, y, x)), G: byte(p.at(1, y, x)), B: byte(p.at(2, y, x)),
			A: 255})
		m.Pix[i] = byte(i)
	}
	return m
}

// encode writes a picture without loss in a random format.
func (p *pixels) encode(r *rand.Rand, deep bool) (what string, content []byte) {
	o := 1 + r.IntN(8)
	stored := p.unturned(o)
	bits := 8
	if deep {
		bits = 16
	}
	kinds := 6
	if deep {
		kinds = 2
	}
	var b bytes.Buffer
	switch r.IntN(kinds) {
	case 0:
		late := r.IntN(2) == 0
		return fmt.Sprintf("PNG, orientation %d", o), filestest.TurnedPNG(filestest.PNG(stored.picture(deep)), o, late)
	case 1:
		return fmt.Sprintf("TIFF, orientation %d", o), filestest.TIFF(stored.h, stored.w, stored.c, bits, o,
			stored.samples())
	case 2:
		if err := bmp.Encode(&b, p.picture(false)); err != nil {
			panic(err)
		}
		return "BMP", b.Bytes()
	case 3:
		if err := gif.Encode(&b, p.paletted(), nil); err != nil {
			panic(err)
		}
		return "GIF", b.Bytes()
	case 4:
		return "PNG with a palette", filestest.PNG(p.paletted())
	}
	m := image.NewNRGBA(image.Rect(0, 0, p.w, p.h))
	for i := range p.h * p.w {
		y, x := i/p.w, i%p.w
		m.SetNRGBA(x, y, color.NRGBA{R: byte(p.at(0, y, x)), G: byte(p.at(1, y, x)), B: byte(p.at(2, y, x)), A: 255})
	}
	return "PNG with alpha", filestest.TurnedPNG(filestest.PNG(m), 1, false)
}

// TestPicturesAreTheSameInEveryFormatAndFolder writes random pictures without loss,
// and compares every value.
func TestPicturesAreTheSameInEveryFormatAndFolder(t *testing.T) {
	endings := []string{".png", ".jpg", ".tif", "", ".PNG", ".webp"}
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		c, h, w, deep := 1+2*r.IntN(2), 2+r.IntN(6), 2+r.IntN(6), r.IntN(4) == 0
		white := 255
		if deep {
			white = 65535
		}
		content, whats := map[string][]byte{}, []string{}
		type sample struct {
			file string
			p    *pixels
		}
		want := map[string][]sample{}
		parts := [][]string{{""}, {"train", "test"}, {"Train", "VAL"}}[r.IntN(3)]
		for _, part := range parts {
			for _, class := range []string{"a", "b b", "ü"} {
				for i := range 1 + r.IntN(3) {
					p := randomPixels(r, c, h, w, white)
					what, b := p.encode(r, deep)
					file := path.Join(part, class, []string{"", "deep/er"}[r.IntN(2)],
						fmt.Sprintf("%d%s", i, endings[r.IntN(len(endings))]))
					content[file], whats = b, append(whats, what)
					want[part] = append(want[part], sample{file, p})
				}
			}
		}
		dir := filestest.Folder(t, content)
		a := &files.Account{}
		train, test, err := Folder(files.Dir(dir), ".", Options{Channels: c}, a)
		if err != nil {
			t.Fatalf("seed %d, %v: %v", seed, whats, err)
		}
		for i, part := range parts {
			got := []*files.Part{train, test}[i]
			if got.Len() != len(want[part]) {
				t.Fatalf("seed %d: %d pictures in %q, want %d", seed, got.Len(), part, len(want[part]))
			}
			size := c * h * w
			for k := range got.Len() {
				file := strings.TrimPrefix(got.Where(k).Path, dir+"/")
				j := slices.IndexFunc(want[part], func(s sample) bool { return s.file == file })
				if j < 0 || !strings.HasPrefix(strings.TrimPrefix(file, part+"/"), got.Names[got.Labels[k]]+"/") {
					t.Fatalf("seed %d: %s is of %q", seed, file, got.Names[got.Labels[k]])
				}
				for x, v := range want[part][j].p.v {
					if got.At(k*size+x) != float64(v) {
						t.Fatalf("seed %d, %s of %d x %d x %d: value %d is %v, want %d (%v)", seed, file, c, h, w, x,
							got.At(k*size+x), v, whats)
					}
				}
			}
		}
	}
}

// TestWhatAFolderOfPicturesLosesIsNeverSilent cuts files, and adds others.
func TestWhatAFolderOfPicturesLosesIsNeverSilent(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 2))
		content := map[string][]byte{}
		for _, name := range []string{"a/1", "a/2", "b/1", "b/2"} {
			_, content[name+".png"] = randomPixels(r, 3, 4, 4, 255).encode(r, false)
		}
		before, _, err := pictures(filestest.Folder(t, content), Options{})
		if err != nil {
			t.Fatal(err)
		}
		change := r.IntN(3)
		switch change {
		case 0:
			b := content["b/1.png"]
			content["b/1.png"] = b[:r.IntN(len(b))]
		case 1:
			content["b/3.png"] = []byte("<html>")
		case 2:
			content["b/3.xyz"] = []byte{0, 1, 2, 3}
		}
		a := &files.Account{}
		p, _, err := Folder(files.Dir(filestest.Folder(t, content)), ".", Options{}, a)
		if err != nil {
			continue
		}
		same := slices.Equal(filestest.Values(p), filestest.Values(before)) && slices.Equal(p.Labels, before.Labels)
		if told := len(a.Skipped) > 0; change == 2 && (!same || !told) || change == 1 || change == 0 && !same && !told {
			t.Fatalf("seed %d, change %d: %d pictures, skipped %v", seed, change, p.Len(), a.Skipped)
		}
	}
}
