package data

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gobolditalic"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomediumitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/gomonobolditalic"
	"golang.org/x/image/font/gofont/gomonoitalic"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/gofont/gosmallcaps"
	"golang.org/x/image/font/gofont/gosmallcapsitalic"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// GlyphSide is the height and width of a built-in digit.
const GlyphSide = 28

// GlyphPath is the path that stands for the built-in digits.
const GlyphPath = "builtin:glyph-digits"

// How many built-in digits there are; sample i shows digit i mod 10.
const (
	GlyphTrain = 10_000
	GlyphTest  = 2_000
)

// Fixed constants of the glyph-digits task: mean and standard deviation of
// the training pixels, rounded (glyph_test.go measures them).
const (
	glyphMean = .252
	glyphStd  = .318
)

// glyphSeed fixes the built-in digits: the same pixels in every process of the
// mesh.
const glyphSeed = 0x64696769

// Glyphs is the built-in data set as a Source: digits of the Go fonts under
// random affine and elastic distortion, stroke and noise, rendered when read.
// Every sample has a random stream of its own, so a client that holds a part
// renders only that part.
type Glyphs struct {
	part   string
	labels []int
}

// GlyphDigits is the built-in data set.
func GlyphDigits() *Dataset {
	return &Dataset{
		Name:  "glyph-digits",
		Task:  WellKnownTask("glyph-digits"),
		Train: newGlyphs("train", GlyphTrain),
		Test:  newGlyphs("test", GlyphTest),
	}
}

func newGlyphs(part string, n int) *Glyphs {
	g := &Glyphs{part: part, labels: make([]int, n)}
	for i := range g.labels {
		g.labels[i] = i % 10
	}
	return g
}

// Shape implements Source.
func (g *Glyphs) Shape() Shape { return Shape{1, GlyphSide, GlyphSide} }

// Labels implements Source.
func (g *Glyphs) Labels() []int { return g.labels }

// Read implements Source. Values are multiples of 1/255, as a file would hold.
func (g *Glyphs) Read(i int, dst []float32) {
	rng := Stream(glyphSeed, g.part, uint64(i))
	fonts := glyphFonts()
	outline := fonts[rng.IntN(len(fonts))][g.labels[i]]
	canvas := newCanvas(GlyphSide * 2)
	canvas.fill(distort(outline, drawPose(rng)))
	canvas.stroke(rng)
	canvas.shrink(dst)
	addNoise(rng, dst)
}

// pose is one random affine map and elastic field, in glyph units (the glyph's
// height is 1, its center the origin).
type pose struct {
	a, b, c, d, dx, dy float64
	elastic            [elasticGrid][elasticGrid][2]float64
}

const elasticGrid = 4

// The spread of the distortions: what fixes the difficulty of the task.
const (
	maxRotation   = 0.14 // radians
	maxShear      = 0.14
	minScale      = 0.80
	maxScale      = 1.05
	maxShift      = 0.05 // of the glyph's height
	elasticSpread = 0.035
	noiseSpread   = 0.45 // of full scale
)

func drawPose(rng *rand.Rand) *pose {
	u := func(lim float64) float64 { return (2*rng.Float64() - 1) * lim }
	sin, cos := math.Sincos(u(maxRotation))
	shear := u(maxShear)
	sx := minScale + (maxScale-minScale)*rng.Float64()
	sy := minScale + (maxScale-minScale)*rng.Float64()
	p := &pose{a: cos * sx, b: (cos*shear - sin) * sy, c: sin * sx, d: (sin*shear + cos) * sy, dx: u(maxShift),
		dy: u(maxShift)}
	for y := range p.elastic {
		for x := range p.elastic[y] {
			p.elastic[y][x] = [2]float64{rng.NormFloat64() * elasticSpread, rng.NormFloat64() * elasticSpread}
		}
	}
	return p
}

// apply maps a point of the glyph, |x|, |y| <= 1/2, to the unit square.
func (p *pose) apply(q point) point {
	ex, ey := p.offset(q.x+.5, q.y+.5)
	x, y := q.x+ex, q.y+ey
	return point{.5 + .72*(p.a*x+p.b*y) + p.dx, .5 + .72*(p.c*x+p.d*y) + p.dy}
}

// offset interpolates the elastic field bilinearly at (x, y) in [0, 1].
func (p *pose) offset(x, y float64) (ex, ey float64) {
	ix, fx := cell(x)
	iy, fy := cell(y)
	for k, w := range [4]float64{(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy} {
		e := p.elastic[iy+k/2][ix+k%2]
		ex += w * e[0]
		ey += w * e[1]
	}
	return ex, ey
}

func cell(x float64) (int, float64) {
	x = math.Min(math.Max(x, 0), 1) * (elasticGrid - 1)
	i := min(int(x), elasticGrid-2)
	return i, x - float64(i)
}

func distort(outline [][]point, p *pose) [][]point {
	out := make([][]point, len(outline))
	for i, contour := range outline {
		out[i] = make([]point, len(contour))
		for j, q := range contour {
			out[i][j] = p.apply(q)
		}
	}
	return out
}

func addNoise(rng *rand.Rand, dst []float32) {
	contrast := 0.6 + 0.4*rng.Float64()
	for i, v := range dst {
		noisy := float64(v)*contrast + noiseSpread*rng.NormFloat64()
		dst[i] = float32(math.Round(255*math.Min(math.Max(noisy, 0), 1))) / 255
	}
}

type point struct{ x, y float64 }

// glyphFonts parses the Go fonts once: for each font the outlines of the ten
// digits as closed polygons, height 1, centered on the origin.
var glyphFonts = sync.OnceValue(func() [][10][][]point {
	var out [][10][][]point
	for _, ttf := range [][]byte{
		goregular.TTF, gobold.TTF, goitalic.TTF, gobolditalic.TTF, gomedium.TTF, gomediumitalic.TTF,
		gomono.TTF, gomonobold.TTF, gomonoitalic.TTF, gomonobolditalic.TTF, gosmallcaps.TTF, gosmallcapsitalic.TTF,
	} {
		digits, err := digitOutlines(ttf)
		if err != nil {
			panic(fmt.Sprintf("built-in font: %v", err)) // compiled in: cannot fail at run time
		}
		out = append(out, digits)
	}
	return out
})

func digitOutlines(ttf []byte) (digits [10][][]point, err error) {
	font, err := sfnt.Parse(ttf)
	if err != nil {
		return digits, err
	}
	var buf sfnt.Buffer
	for d := range digits {
		glyph, err := font.GlyphIndex(&buf, rune('0'+d))
		if err != nil {
			return digits, err
		}
		segments, err := font.LoadGlyph(&buf, glyph, fixed.I(1000), nil)
		if err != nil {
			return digits, err
		}
		digits[d] = normalize(flatten(segments))
	}
	return digits, nil
}
