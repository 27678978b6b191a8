package picture

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/color"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Options say what pictures are brought to.
type Options struct {
	Channels      int // 1 for grey, 3 for red, green and blue; 0 for grey when every picture is
	Height, Width int // 0 for the size they have; of several sizes, with Resize, the one of most pictures
	// Resize resamples pictures of another size (Catmull-Rom, the whole picture,
	// so that its proportions may change); without it they are refused.
	Resize bool
	// Background is what lies under transparent pixels: white, black or #rrggbb;
	// empty to choose by what is drawn.
	Background string
	// Parts says what named parts are used for, train, test or ignore.
	Parts map[string]string
}

// settings are options without gaps.
type settings struct {
	channels, height, width int
	resize, deep            bool
	background              color.Color
	paged                   int // pictures of several pages or frames
}

// settle fills in what the options leave open, from the headers of all pictures,
// and checks the size of each.
func (o *Options) settle(all []picture, a *files.Account) (*settings, error) {
	s := &settings{channels: o.Channels, height: o.Height, width: o.Width, resize: o.Resize, background: color.Black}
	gray, deep, turned := true, 0, 0
	sizes := map[[2]int]int{}
	for _, p := range all {
		gray = gray && p.gray
		if p.deep {
			deep++
		}
		if p.orientation != 1 {
			turned++
		}
		if sizes[[2]int{p.height, p.width}]++; s.height == 0 && !s.resize {
			s.height, s.width = p.height, p.width
		}
		if !s.resize && (p.height != s.height || p.width != s.width) {
			return nil, &files.Error{Path: p.path(), Place: files.Whole,
				Err: fmt.Errorf("%w: %d x %d pixels (height x width), want %d x %d", files.ErrFormat, p.height, p.width,
					s.height, s.width),
				Hint: "resample every picture with --resize: to the size of the task, or without a task to the size of most " +
					"pictures; 'task new' takes another with --shape CxHxW"}
		}
	}
	if s.height == 0 {
		s.height, s.width = commonest(sizes)
	}
	if s.channels == 0 {
		s.channels = 3
		if gray {
			s.channels = 1
		}
	}
	values := files.MaxBytes
	if s.deep = deep > 0; s.deep {
		values = files.MaxValues
	}
	if size := int64(s.channels) * int64(s.height) * int64(s.width); size > files.MaxSide ||
		size*int64(len(all)) > int64(values) {
		return nil, &files.Error{Path: all[0].path(), Place: files.Whole,
			Err:  fmt.Errorf("%w: %d pictures of %d x %d x %d", files.ErrTooLarge, len(all), s.channels, s.height, s.width),
			Hint: "resample them to a smaller size with --resize"}
	}
	s.say(all, sizes, deep, turned, gray, a)
	return s, o.chooseBackground(s, all, a)
}

// say notes what was decided.
func (s *settings) say(all []picture, sizes map[[2]int]int, deep, turned int, gray bool, a *files.Account) {
	if s.resize && (len(sizes) > 1 || sizes[[2]int{s.height, s.width}] == 0) {
		a.See("resized",
			"%d pictures of another size are brought to %d x %d pixels (height x width); proportions may change",
			len(all)-sizes[[2]int{s.height, s.width}], s.height, s.width)
	}
	if turned > 0 {
		a.See("orientation", "%d pictures are turned as their EXIF orientation says", turned)
	}
	if deep > 0 {
		a.See("deep", "%d of %d pictures have more than 8 bits for each channel, which are kept", deep, len(all))
	}
	if s.channels == 1 && !gray {
		a.See("grey", "colors are read as grey")
	}
}

// commonest is the size of most pictures, among equals the smallest.
func commonest(sizes map[[2]int]int) (h, w int) {
	best := slices.MinFunc(slices.Collect(maps.Keys(sizes)), func(a, b [2]int) int {
		return cmp.Or(cmp.Compare(sizes[b], sizes[a]), cmp.Compare(int64(a[0])*int64(a[1]), int64(b[0])*int64(b[1])),
			cmp.Compare(a[0], b[0]))
	})
	return best[0], best[1]
}

// chooseBackground decides what lies under transparent pixels: what was asked
// for; else white when what is drawn is dark, and black when it is bright.
func (o *Options) chooseBackground(s *settings, all []picture, a *files.Account) error {
	asked, err := ParseBackground(o.Background)
	if err != nil {
		return err
	}
	if asked != nil {
		s.background = asked
		return nil
	}
	opacity, brightness, open := 0., 0., 0
	for _, p := range all {
		if !p.alpha {
			continue
		}
		content, err := p.content()
		var img image.Image
		if err == nil {
			img, err = upright(content, p.facts)
		}
		if err != nil {
			if err := a.RefuseFile("unreadable-pictures", "pictures that cannot be decoded", p.name,
				files.Named(p.path(), err)); err != nil {
				return err
			}
			continue
		}
		o, b, n := drawn(img)
		opacity, brightness = opacity+o, brightness+b
		if n > 0 {
			open++
		}
	}
	if open == 0 {
		return nil
	}
	under, is := "black", "bright"
	if brightness < opacity/2 {
		s.background, under, is = color.White, "white", "dark"
	}
	a.Assume("background", "--background",
		"%d pictures have transparent pixels, which are put over %s, as what is drawn is %s", open, under, is)
	return nil
}

// ParseBackground reads white, black or #rrggbb; nil for empty or auto.
func ParseBackground(text string) (color.Color, error) {
	switch strings.ToLower(text) {
	case "", "auto":
		return nil, nil
	case "white":
		return color.White, nil
	case "black":
		return color.Black, nil
	}
	v, err := strconv.ParseUint(strings.TrimPrefix(text, "#"), 16, 32)
	if err != nil || len(text) != len("#rrggbb") || text[0] != '#' {
		return nil, errors.New("want white, black or #rrggbb")
	}
	return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff}, nil
}
