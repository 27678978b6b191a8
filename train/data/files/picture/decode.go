package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/exif"
)

// Limits of one picture.
const (
	maxPictureBytes = 64 << 20 // as a file
	maxPixels       = 1 << 25
	maxSide         = 1 << 14   // a tile of a TIFF picture may be far wider than the picture
	headBytes       = 256 << 10 // that the header and the orientation are looked for in
)

// codec is how one kind of picture is decoded.
type codec struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var codecs = map[files.Kind]codec{
	files.PNG:  {png.DecodeConfig, png.Decode},
	files.JPEG: {jpeg.DecodeConfig, jpeg.Decode},
	files.GIF:  {gif.DecodeConfig, gif.Decode},
	files.BMP:  {bmp.DecodeConfig, bmp.Decode},
	files.TIFF: {tiff.DecodeConfig, tiff.Decode},
	files.WebP: {webp.DecodeConfig, webp.Decode},
}

// facts are what the header of a picture says.
type facts struct {
	kind          files.Kind
	height, width int // upright
	gray          bool
	deep          bool // more than 8 bits for each channel
	alpha         bool // may be transparent
	orientation   int  // as EXIF counts it; 1 for upright
}

// readFacts reads the header of an encoded picture, and refuses pictures that are
// too large before any pixel is decoded.
func readFacts(head []byte) (facts, error) {
	f := facts{kind: files.KindOf(head)}
	if f.kind == files.Empty {
		return f, files.At(0, files.ErrTruncated)
	}
	if !f.kind.IsPicture() {
		return f, files.At(0, fmt.Errorf("%w: no picture that is read here (%s)", files.ErrFormat, f.kind))
	}
	c, err := configOf(f.kind, head)
	if f.kind == files.TIFF && err == nil {
		err = checkTIFF(head)
	}
	switch {
	case err != nil:
		return f, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: %w", files.ErrFormat, files.OrTruncated(err))}
	case c.Width < 1 || c.Height < 1:
		return f, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: no pixels", files.ErrFormat)}
	case int64(c.Width)*int64(c.Height) > maxPixels || c.Width > maxSide || c.Height > maxSide:
		return f, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: %d x %d pixels", files.ErrTooLarge, c.Height,
			c.Width), Hint: "make it smaller"}
	}
	f.height, f.width, f.orientation = c.Height, c.Width, exif.Orientation(head)
	if f.orientation > 4 {
		f.height, f.width = f.width, f.height
	}
	f.gray, f.deep, f.alpha = modelFacts(c.ColorModel)
	switch f.kind { // what only the pixels, or a later part of the file, tell
	case files.PNG:
		const grayAlpha, colorType = 4, 25
		f.gray = f.gray || len(head) > colorType && head[colorType] == grayAlpha
		f.alpha = f.alpha || bytes.Contains(head, []byte("tRNS"))
	case files.GIF:
		f.alpha = true
	case files.TIFF, files.BMP:
		f.alpha = f.alpha || !f.gray
	}
	return f, nil
}

// configOf decodes a header; a decoder that panics has met a damaged one.
func configOf(kind files.Kind, content []byte) (c image.Config, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
	}()
	return codecs[kind].config(bytes.NewReader(content))
}

// decodeImage decodes pixels; a decoder that panics has met a damaged picture.
func decodeImage(kind files.Kind, content []byte) (img image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
	}()
	return codecs[kind].decode(bytes.NewReader(content))
}

// modelFacts tells what pictures of a color model can hold.
func modelFacts(m color.Model) (gray, deep, alpha bool) {
	switch m {
	case color.GrayModel:
		return true, false, false
	case color.Gray16Model:
		return true, true, false
	case color.NRGBAModel, color.AlphaModel:
		return false, false, true
	case color.NRGBA64Model, color.Alpha16Model:
		return false, true, true
	case color.RGBA64Model:
		return false, true, false // PNG and TIFF use it for opaque pictures
	case color.NYCbCrAModel:
		return false, false, true
	}
	if palette, ok := m.(color.Palette); ok {
		gray = true
		for _, c := range palette {
			r, g, b, a := c.RGBA()
			gray, alpha = gray && r == g && g == b, alpha || a != 0xffff
		}
	}
	return gray, false, alpha
}

// upright decodes an encoded picture and turns it upright. A first frame smaller
// than its canvas is put into its place.
func upright(content []byte, f facts) (image.Image, error) {
	img, err := decodeImage(f.kind, content)
	if err != nil {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: %w", files.ErrFormat, files.OrTruncated(err))}
	}
	if f.kind == files.GIF {
		if c, err := configOf(f.kind, content); err == nil && img.Bounds() != image.Rect(0, 0, c.Width, c.Height) {
			canvas := image.NewNRGBA(image.Rect(0, 0, c.Width, c.Height))
			draw.Draw(canvas, img.Bounds(), img, img.Bounds().Min, draw.Src)
			img = canvas
		}
	}
	return exif.Apply(img, f.orientation), nil
}

// appendTo decodes an encoded picture and appends its planes, each row-major, to
// the bytes of a part, or to its floats when the set has pictures of more than 8
// bits.
func (s *settings) appendTo(p *files.Part, content []byte) error {
	f, err := readFacts(content)
	if err != nil {
		return err
	}
	if !s.resize && (f.height != s.height || f.width != s.width) {
		return &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: %d x %d pixels, want %d x %d", files.ErrFormat,
			f.height, f.width, s.height, s.width)}
	}
	img, err := upright(content, f)
	if err != nil {
		return err
	}
	if pages(f.kind, content) > 1 {
		s.paged++
	}
	frame, from := image.Rect(0, 0, s.width, s.height), len(p.Floats)
	var background image.Image = image.NewUniform(s.background)
	switch {
	case s.deep && s.channels == 1:
		canvas := image.NewGray16(frame)
		s.paint(canvas, background, img)
		for i := 0; i < len(canvas.Pix); i += 2 {
			p.Floats = append(p.Floats, float32(canvas.Pix[i])*256+float32(canvas.Pix[i+1]))
		}
	case s.deep:
		canvas := image.NewRGBA64(frame)
		s.paint(canvas, background, img)
		for plane := range 3 {
			for i := 2 * plane; i < len(canvas.Pix); i += 8 {
				p.Floats = append(p.Floats, float32(canvas.Pix[i])*256+float32(canvas.Pix[i+1]))
			}
		}
	case s.channels == 1:
		canvas := image.NewGray(frame)
		s.paint(canvas, background, img)
		p.Bytes = append(p.Bytes, canvas.Pix...)
	default:
		canvas := image.NewRGBA(frame)
		s.paint(canvas, background, img)
		for plane := range 3 {
			for i := plane; i < len(canvas.Pix); i += 4 {
				p.Bytes = append(p.Bytes, canvas.Pix[i])
			}
		}
	}
	if s.deep && img.Bounds().Size() != frame.Size() {
		limit(p.Floats[from:], img, background)
	}
	return nil
}

// limit takes back what resampling put beyond the brightest pixel: where less than
// all bits are used, the range tells what white is.
func limit(values []float32, img, background image.Image) {
	most, b := uint32(0), img.Bounds()
	brighter := func(c color.Color) {
		r, g, b, _ := c.RGBA()
		most = max(most, r, g, b)
	}
	open := false
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := img.At(x, y)
			_, _, _, a := c.RGBA()
			open = open || a != 0xffff
			brighter(c)
		}
	}
	if open {
		brighter(background.At(0, 0))
	}
	for i, v := range values {
		values[i] = min(v, float32(most))
	}
}

// paint fills a canvas with the background and the picture over it.
func (s *settings) paint(canvas draw.Image, background, img image.Image) {
	draw.Draw(canvas, canvas.Bounds(), background, image.Point{}, draw.Src)
	if size := img.Bounds().Size(); size.X == s.width && size.Y == s.height {
		draw.Draw(canvas, canvas.Bounds(), img, img.Bounds().Min, draw.Over)
		return
	}
	xdraw.CatmullRom.Scale(canvas, canvas.Bounds(), img, img.Bounds(), draw.Over, nil)
}

// drawn sums, over the pixels of a picture, how opaque each is, and its brightness
// times that, both from 0 to 1; and counts the pixels that are not opaque.
func drawn(img image.Image) (opacity, brightness float64, open int) {
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := img.At(x, y)
			_, _, _, a := c.RGBA()
			if a != 0xffff {
				open++
			}
			opacity += float64(a) / 0xffff
			brightness += float64(color.Gray16Model.Convert(c).(color.Gray16).Y) / 0xffff // premultiplied
		}
	}
	return opacity, brightness, open
}
