package figure

import (
	"fmt"
	"image/color"
	"math"
)

// Ink is a color by its role, on light and on dark paper, as #RRGGBB. A file of its
// own is drawn on light paper; in a page it follows the reader's scheme.
type Ink struct{ Name, Light, Dark string }

// The inks. The inks of series differ in every common kind of color blindness
// (after Okabe and Ito, darkened to a contrast of 3:1 with the paper); each
// series also has a shape.
var (
	Black = Ink{"ink", "#1B1F24", "#E8EAED"}
	Gray  = Ink{"muted", "#5A6472", "#A6AFBB"}
	Rule  = Ink{"rule", "#E2E6EB", "#323942"}
	Paper = Ink{"paper", "#FFFFFF", "#15181C"}

	Series = []Ink{
		{"s0", "#0068A8", "#56B1EA"}, {"s1", "#C84B00", "#FF8F4D"}, {"s2", "#00775A", "#3CCBA0"},
		{"s3", "#A8457F", "#EA92C6"}, {"s4", "#8A6100", "#DDAE3E"}, {"s5", "#5B4FB0", "#A79DF5"},
	}
	// Heat is the scale from few to many.
	Heat = []Ink{
		{"h0", "#DCE9F5", "#1D3043"}, {"h1", "#B3D0E9", "#22466A"}, {"h2", "#7FB0DA", "#2B6196"},
		{"h3", "#4A8CC2", "#4585C4"}, {"h4", "#1F659F", "#7FB2E3"}, {"h5", "#0B3F6E", "#BBD8F5"},
	}
)

// Inks are all inks, for the style sheet of a page.
func Inks() []Ink {
	return append(append([]Ink{Black, Gray, Rule, Paper}, Series...), Heat...)
}

func (i Ink) hex() string      { return i.Light }
func (i Ink) variable() string { return "var(--" + i.Name + ")" }

// color is the ink on light paper.
func (i Ink) color(opacity float64) color.NRGBA {
	c := color.NRGBA{A: uint8(math.Round(255 * opacity))}
	fmt.Sscanf(i.Light, "#%02X%02X%02X", &c.R, &c.G, &c.B) // ours, in the form above
	return c
}
