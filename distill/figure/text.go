package figure

import (
	"sync"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"

	"github.com/distillmesh/distillmesh/distill/text"
)

// Style is the font, ink and alignment of a text.
type Style struct {
	Size  float64
	Ink   Ink
	Bold  bool
	Align float64 // 0: begins at x; -0.5: centered; -1: ends at x
}

// The styles of figures.
var (
	Small  = Style{Size: 8.5, Ink: Gray}
	Medium = Style{Size: 9.5, Ink: Black}
	Strong = Style{Size: 11, Ink: Black, Bold: true}
	Title  = Style{Size: 10, Ink: Gray}
)

// Right is the style of a text that ends where it is put.
func (st Style) Right() Style { st.Align = -1; return st }

// Center is the style of a text around where it is put.
func (st Style) Center() Style { st.Align = -0.5; return st }

// In is the style in another ink.
func (st Style) In(i Ink) Style { st.Ink = i; return st }

// xHeight is the height of small letters, in font sizes.
const xHeight = 0.53

// Width is how long a line of text is.
func Width(s string, st Style) float64 {
	face := faceOf(st)
	return face.Width(text.Printable(s)).Points()
}

// Ellipsis shortens a text in the middle, where long names differ least.
func Ellipsis(s string, space float64, st Style) string {
	runes := []rune(s)
	for keep := len(runes); keep > 3 && Width(s, st) > space; keep-- {
		s = string(runes[:(keep+1)/2]) + "…" + string(runes[len(runes)-keep/2:])
	}
	return s
}

func faceOf(st Style) font.Face {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(st.Size)}
	if st.Bold {
		f.Weight = xfont.WeightBold
	}
	return fonts().Lookup(f, f.Size)
}

// fonts are read when first needed: the program rarely draws.
var fonts = sync.OnceValue(func() *font.Cache {
	face := func(ttf []byte, weight xfont.Weight) font.Face {
		f, err := opentype.Parse(ttf)
		if err != nil {
			panic(err) // the font is part of the program
		}
		return font.Face{Font: font.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight}, Face: f}
	}
	return font.NewCache(font.Collection{
		face(liberationsansregular.TTF, xfont.WeightNormal), face(liberationsansbold.TTF, xfont.WeightBold)})
})
