package figure

import (
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/distill/text"
)

// vectors is a surface that collects the elements of an SVG document.
type vectors struct {
	color    func(Ink) string
	elements []any
}

// svgDocument is the document; its fields are its attributes and children.
type svgDocument struct {
	XMLName xml.Name `xml:"svg"`
	Space   string   `xml:"xmlns,attr"`
	ViewBox string   `xml:"viewBox,attr"`
	Width   string   `xml:"width,attr,omitempty"`
	Height  string   `xml:"height,attr,omitempty"`
	Style   string   `xml:"style,attr"`
	Role    string   `xml:"role,attr,omitempty"`
	NamedBy string   `xml:"aria-labelledby,attr,omitempty"`
	Hidden  string   `xml:"aria-hidden,attr,omitempty"`
	Title   *svgName `xml:"title"`
	Desc    *svgName `xml:"desc"`
	Shapes  []any
}

// svgName names or describes the document.
type svgName struct {
	ID   string `xml:"id,attr"`
	Text string `xml:",chardata"`
}

type svgPath struct {
	XMLName xml.Name `xml:"path"`
	D       string   `xml:"d,attr"`
	Style   string   `xml:"style,attr"`
}

// svgText states its width, so that words keep their spacing in any font.
type svgText struct {
	XMLName xml.Name `xml:"text"`
	X       string   `xml:"x,attr"`
	Y       string   `xml:"y,attr"`
	Length  string   `xml:"textLength,attr"`
	Adjust  string   `xml:"lengthAdjust,attr"`
	Style   string   `xml:"style,attr"`
	Text    string   `xml:",chardata"`
}

// svgFonts begins with the font in which widths are measured, which few
// computers have; its substitutes have nearly the same metrics.
const svgFonts = "font-family:'Liberation Sans',Arial,Helvetica,sans-serif"

// vectors draws an SVG document; with its size it stands alone, without it fills
// its place in a page.
func (f Figure) vectors(color func(Ink) string, sized bool) ([]byte, error) {
	v := &vectors{color: color}
	f.on(v)
	doc := svgDocument{Space: "http://www.w3.org/2000/svg", ViewBox: "0 0 " + number(f.Width) + " " + number(f.Height),
		Style: svgFonts, Shapes: v.elements}
	if sized {
		doc.Width, doc.Height = number(f.Width), number(f.Height)
	}
	if f.Bare {
		doc.Hidden = "true"
	} else {
		title, desc := f.Name+"-t", f.Name+"-d"
		doc.Role, doc.NamedBy = "img", title+" "+desc
		doc.Title, doc.Desc = &svgName{title, text.Printable(f.Title)}, &svgName{desc, text.Printable(f.Alt)}
	}
	out, err := xml.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", f.Name, err)
	}
	return out, nil
}

// fill implements surface.
func (v *vectors) fill(i Ink, opacity float64, outlines [][]point) {
	var d strings.Builder
	for _, o := range outlines {
		d.WriteString(route(o) + "Z")
	}
	style := "fill:" + v.color(i)
	if opacity < 1 {
		style += ";fill-opacity:" + number(opacity)
	}
	v.elements = append(v.elements, svgPath{D: d.String(), Style: style})
}

// stroke implements surface.
func (v *vectors) stroke(i Ink, width float64, dashes []float64, points []point) {
	style := "fill:none;stroke:" + v.color(i) + ";stroke-width:" + number(width)
	if len(dashes) > 0 {
		style += ";stroke-dasharray:"
		for at, dash := range dashes {
			style += strings.Repeat(",", min(at, 1)) + number(dash)
		}
	}
	v.elements = append(v.elements, svgPath{D: route(points), Style: style})
}

// text implements surface.
func (v *vectors) text(s string, x, y, width float64, st Style) {
	style := "font-size:" + number(st.Size) + "px;fill:" + v.color(st.Ink)
	if st.Bold {
		style += ";font-weight:bold"
	}
	v.elements = append(v.elements, svgText{X: number(x), Y: number(y), Length: number(width),
		Adjust: "spacingAndGlyphs", Style: style, Text: s})
}

// route is an SVG path through points.
func route(points []point) string {
	var d strings.Builder
	for i, p := range points {
		d.WriteString([]string{"M", "L"}[min(i, 1)] + number(p.x) + "," + number(p.y))
	}
	return d.String()
}

// number writes a length to a hundredth of a point.
func number(v float64) string { return strconv.FormatFloat(math.Round(100*v)/100, 'f', -1, 64) }
