package files

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"

	xdraw "golang.org/x/image/draw"
)

// Limits of one picture.
const (
	maxPictureBytes = 64 << 20 // as a file
	maxPixels       = 1 << 25
)

// pictureFormat is how one kind of picture is decoded.
type pictureFormat struct {
	magic  string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var pictureFormats = []pictureFormat{
	{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"\xff\xd8", jpeg.DecodeConfig, jpeg.Decode},
}

func formatOf(head []byte) (pictureFormat, error) {
	for _, f := range pictureFormats {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f, nil
		}
	}
	return pictureFormat{}, at(0, fmt.Errorf("%w: neither PNG nor JPEG", ErrFormat))
}

// readConfig reads the header of a picture alone.
func readConfig(path string) (c image.Config, err error) {
	err = read(path, func(r io.Reader) error {
		head := make([]byte, 8)
		n, err := io.ReadFull(r, head)
		if err != nil {
			return at(int64(n), orTruncated(err))
		}
		c, err = decodeConfig(head, io.MultiReader(bytes.NewReader(head), &bounded{r: r, left: maxPictureBytes}))
		return err
	})
	return c, err
}

// decodeConfig refuses pictures that are too large before any pixel is decoded.
func decodeConfig(head []byte, r io.Reader) (image.Config, error) {
	f, err := formatOf(head)
	if err != nil {
		return image.Config{}, err
	}
	c, err := f.config(r)
	switch {
	case err != nil:
		return c, &Error{Place: Whole, Err: fmt.Errorf("%w: %w", ErrFormat, orTruncated(err))}
	case c.Width < 1 || c.Height < 1:
		return c, &Error{Place: Whole, Err: fmt.Errorf("%w: no pixels", ErrFormat)}
	case int64(c.Width)*int64(c.Height) > maxPixels:
		return c, &Error{Place: Whole, Err: fmt.Errorf("%w: %d x %d pixels", ErrTooLarge, c.Height, c.Width), Hint: "make it smaller"}
	}
	return c, nil
}

// appendPicture decodes a file and appends its planes.
func (o *PictureOptions) appendPicture(to []byte, path string) ([]byte, error) {
	err := read(path, func(r io.Reader) error {
		content, err := io.ReadAll(&bounded{r: r, left: maxPictureBytes})
		if err != nil {
			return at(int64(len(content)), orTruncated(err))
		}
		to, err = o.decode(to, content)
		return err
	})
	return to, err
}

// decode appends the planes of an encoded picture, each row-major, with
// transparent pixels over black.
func (o *PictureOptions) decode(to, content []byte) ([]byte, error) {
	c, err := decodeConfig(content, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if !o.Resize && (c.Height != o.Height || c.Width != o.Width) {
		return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: %d x %d pixels, want %d x %d", ErrFormat, c.Height, c.Width, o.Height, o.Width)}
	}
	f, err := formatOf(content)
	if err != nil {
		return nil, err
	}
	img, err := f.decode(bytes.NewReader(content))
	if err != nil {
		return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: %w", ErrFormat, orTruncated(err))}
	}
	frame := image.Rect(0, 0, o.Width, o.Height)
	if o.Channels == 1 {
		grey := image.NewGray(frame)
		o.paint(grey, img)
		return append(to, grey.Pix...), nil
	}
	canvas := image.NewRGBA(frame)
	draw.Draw(canvas, frame, image.Black, image.Point{}, draw.Src)
	o.paint(canvas, img)
	for plane := range 3 {
		for i := plane; i < len(canvas.Pix); i += 4 {
			to = append(to, canvas.Pix[i])
		}
	}
	return to, nil
}

// paint fills a black canvas with the picture.
func (o *PictureOptions) paint(canvas draw.Image, img image.Image) {
	if size := img.Bounds().Size(); size.X == o.Width && size.Y == o.Height {
		draw.Draw(canvas, canvas.Bounds(), img, img.Bounds().Min, draw.Over)
		return
	}
	xdraw.CatmullRom.Scale(canvas, canvas.Bounds(), img, img.Bounds(), draw.Over, nil)
}

func isGrey(m color.Model) bool { return m == color.GrayModel || m == color.Gray16Model }
