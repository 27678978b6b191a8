package report

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"image/color"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// figure is one picture: drawn the same way into a file of vectors, into the
// page, and into pixels.
type figure struct {
	name  string // of files and of ids in the page
	title string
	says  string // what it shows, for those who do not see it
	w, h  float64
	draw  func(*pen)
	bare  bool // a mark beside words that say it all: no background, no name
}

// pngDPI makes a figure about twice as many pixels wide as it has points.
const pngDPI = 144

// png draws on light paper.
func (f figure) png() ([]byte, error) {
	c := vgimg.NewWith(vgimg.UseWH(vg.Length(f.w), vg.Length(f.h)), vgimg.UseDPI(pngDPI))
	f.on(c)
	var out bytes.Buffer
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(&out)
	return out.Bytes(), err
}

// on draws on a canvas, and returns how wide each text is, in order.
func (f figure) on(c vg.CanvasSizer) []float64 {
	p := &pen{canvas: draw.New(c), height: f.h}
	if !f.bare {
		p.rect(paper.color(), 0, 0, f.w, f.h)
	}
	f.draw(p)
	return p.widths
}

// body is the drawing between the tags of an SVG document.
func (f figure) body() (string, error) {
	c := vgsvg.New(vg.Length(f.w), vg.Length(f.h))
	widths := f.on(c)
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		return "", err
	}
	_, after, found := strings.Cut(out.String(), `xlink">`)
	if !found {
		return "", fmt.Errorf("draw %s: the canvas wrote no SVG", f.name)
	}
	after = strings.ReplaceAll(after, "\n\t", " ")
	after = strings.ReplaceAll(after, fontWas, fontIs)
	after = textTag.ReplaceAllStringFunc(after, func(tag string) string {
		w := widths[0]
		widths = widths[1:]
		return fmt.Sprintf(`%stextLength="%.1f" lengthAdjust="spacingAndGlyphs" `, tag, w)
	})
	return strings.TrimSuffix(strings.TrimSpace(after), "</svg>"), nil
}

// textTag is where a text begins. Its width is written with it, so that words
// keep their distance in whatever font a reader has.
var textTag = regexp.MustCompile(`<text `)

// The canvas names one font that few computers have; those that stand in for it
// have about the same letters.
const (
	fontWas = "font-family:Liberation Sans;font-variant:normal;"
	fontIs  = "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"
)

// open begins an SVG element that names and describes itself.
func (f figure) open(attributes string) string {
	if f.bare {
		return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" aria-hidden=\"true\">", f.w, f.h)
	}
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" role=\"img\" aria-labelledby=\"%[3]s-t %[3]s-d\"%[4]s>\n"+
		"<title id=\"%[3]s-t\">%[5]s</title>\n<desc id=\"%[3]s-d\">%[6]s</desc>\n", f.w, f.h, f.name, attributes, html.EscapeString(clean(f.title)), html.EscapeString(clean(f.says)))
}

// svg is a document of its own, on light paper.
func (f figure) svg() ([]byte, error) {
	body, err := f.body()
	return []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + f.open(fmt.Sprintf(` width="%g" height="%g"`, f.w, f.h)) + body + "</svg>\n"), err
}

var hexColour = regexp.MustCompile(`#[0-9A-F]{6}\b`)

// inline is an element of the page; its colours are the page's variables.
func (f figure) inline() (template.HTML, error) {
	body, err := f.body()
	names := map[string]string{}
	for _, i := range inks() {
		names[i.light] = i.name
		names[faintHex(i)] = i.name
	}
	body = hexColour.ReplaceAllStringFunc(body, func(hex string) string {
		if name, ok := names[hex]; ok {
			return "var(--" + name + ")"
		}
		return hex
	})
	return template.HTML(f.open("") + body + "</svg>"), err // our own drawing, its words escaped
}

// faintHex is how the canvas writes an ink that is not opaque: it rounds down.
func faintHex(i ink) string {
	r, g, b, a := i.faint().RGBA()
	part := 255 / float64(a)
	return fmt.Sprintf("#%02X%02X%02X", int(float64(r)*part), int(float64(g)*part), int(float64(b)*part))
}

// pen draws on a canvas whose origin is its upper left corner; lengths are
// points.
type pen struct {
	canvas draw.Canvas
	height float64
	widths []float64 // of the texts so far
}

func (p *pen) at(x, y float64) vg.Point { return vg.Point{X: vg.Length(x), Y: vg.Length(p.height - y)} }

func (p *pen) rect(c color.Color, left, top, right, bottom float64) {
	p.canvas.FillPolygon(c, []vg.Point{p.at(left, top), p.at(right, top), p.at(right, bottom), p.at(left, bottom)})
}

// boxes fills any number of boxes as one path.
func (p *pen) boxes(i ink, boxes []box) {
	if len(boxes) == 0 {
		return
	}
	var path vg.Path
	for _, b := range boxes {
		path.Move(p.at(b.left, b.top))
		path.Line(p.at(b.right, b.top))
		path.Line(p.at(b.right, b.bottom))
		path.Line(p.at(b.left, b.bottom))
		path.Close()
	}
	p.canvas.SetColor(i.color())
	p.canvas.Fill(path)
}

// line draws through points, given as x, y, x, y.
func (p *pen) line(c color.Color, width float64, dashes []vg.Length, xy ...float64) {
	var points []vg.Point
	for i := 0; i+1 < len(xy); i += 2 {
		points = append(points, p.at(xy[i], xy[i+1]))
	}
	p.canvas.StrokeLines(draw.LineStyle{Color: c, Width: vg.Length(width), Dashes: dashes}, points)
}

// fill fills the outline through points, given as x, y, x, y.
func (p *pen) fill(c color.Color, xy ...float64) {
	var points []vg.Point
	for i := 0; i+1 < len(xy); i += 2 {
		points = append(points, p.at(xy[i], xy[i+1]))
	}
	p.canvas.FillPolygon(c, points)
}

// words is how a text stands.
type words struct {
	size  float64
	ink   ink
	bold  bool
	align float64 // 0: begins at x; -0.5: centred; -1: ends at x
}

// text writes a line whose letters stand around the height y.
func (p *pen) text(s string, x, y float64, w words) {
	if s = clean(s); s == "" {
		return
	}
	p.widths = append(p.widths, width(s, w))
	style := draw.TextStyle{Color: w.ink.color(), Font: fontOf(w), XAlign: text.XAlignment(w.align), Handler: letters()}
	p.canvas.FillText(style, p.at(x, y+capital*w.size/2), s)
}

// capital is the height of capital letters, in font sizes.
const capital = 0.72

// width is how long a line of text is.
func width(s string, w words) float64 {
	face := letters().Fonts.Lookup(fontOf(w), vg.Length(w.size))
	return face.Width(clean(s)).Points()
}

func fontOf(w words) font.Font {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(w.size)}
	if w.bold {
		f.Weight = xfont.WeightBold
	}
	return f
}

// letters are read when first needed: the program rarely draws.
var letters = sync.OnceValue(func() text.Plain {
	face := func(ttf []byte, weight xfont.Weight) font.Face {
		f, err := opentype.Parse(ttf)
		if err != nil {
			panic(err) // the font is part of the program
		}
		return font.Face{Font: font.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight}, Face: f}
	}
	return text.Plain{Fonts: font.NewCache(font.Collection{
		face(liberationsansregular.TTF, xfont.WeightNormal), face(liberationsansbold.TTF, xfont.WeightBold)})}
})

// clean replaces what a document of text must not hold: names of data and
// classes come from files of others.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(s, "?"))
}
