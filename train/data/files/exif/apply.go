package exif

import (
	"image"
	"image/draw"
)

// Apply turns a picture that is stored in an orientation so that it stands
// upright. The result keeps the pixels' type and depth, but those of YCbCr come
// as RGBA and those of other types as 16 bits per channel, and begins at (0, 0).
// An orientation of 1, or of none of 1 to 8, gives the picture itself.
func Apply(img image.Image, orientation int) image.Image {
	if orientation <= upright || orientation > 8 {
		return img
	}
	from := img.Bounds()
	to := image.Rect(0, 0, from.Dx(), from.Dy())
	if orientation >= 5 { // sides change places
		to = image.Rect(0, 0, from.Dy(), from.Dx())
	}
	t := turn{orientation, from.Dx(), from.Dy()}
	switch src := img.(type) {
	case *image.Gray:
		dst := image.NewGray(to)
		t.copy(dst.Pix, src.Pix[src.PixOffset(from.Min.X, from.Min.Y):], dst.Stride, src.Stride, 1)
		return dst
	case *image.Gray16:
		dst := image.NewGray16(to)
		t.copy(dst.Pix, src.Pix[src.PixOffset(from.Min.X, from.Min.Y):], dst.Stride, src.Stride, 2)
		return dst
	case *image.Paletted:
		dst := image.NewPaletted(to, src.Palette)
		t.copy(dst.Pix, src.Pix[src.PixOffset(from.Min.X, from.Min.Y):], dst.Stride, src.Stride, 1)
		return dst
	case *image.RGBA:
		dst := image.NewRGBA(to)
		t.copy(dst.Pix, src.Pix[src.PixOffset(from.Min.X, from.Min.Y):], dst.Stride, src.Stride, 4)
		return dst
	case *image.NRGBA:
		dst := image.NewNRGBA(to)
		t.copy(dst.Pix, src.Pix[src.PixOffset(from.Min.X, from.Min.Y):], dst.Stride, src.Stride, 4)
		return dst
	case *image.CMYK:
		dst := image.NewCMYK(to)
		t.copy(dst.Pix, src.Pix[src.PixOffset(from.Min.X, from.Min.Y):], dst.Stride, src.Stride, 4)
		return dst
	case *image.RGBA64:
		dst := image.NewRGBA64(to)
		t.copy(dst.Pix, src.Pix[src.PixOffset(from.Min.X, from.Min.Y):], dst.Stride, src.Stride, 8)
		return dst
	case *image.NRGBA64:
		dst := image.NewNRGBA64(to)
		t.copy(dst.Pix, src.Pix[src.PixOffset(from.Min.X, from.Min.Y):], dst.Stride, src.Stride, 8)
		return dst
	case *image.YCbCr:
		return Apply(drawn(image.NewRGBA(image.Rect(0, 0, t.w, t.h)), src), orientation)
	case *image.NYCbCrA:
		return Apply(drawn(image.NewNRGBA(image.Rect(0, 0, t.w, t.h)), src), orientation)
	}
	return Apply(drawn(image.NewNRGBA64(image.Rect(0, 0, t.w, t.h)), img), orientation)
}

// drawn is dst with the pixels of src.
func drawn(dst draw.Image, src image.Image) image.Image {
	draw.Draw(dst, dst.Bounds(), src, src.Bounds().Min, draw.Src)
	return dst
}

// turn is the way of pixels from a picture of width w and height h.
type turn struct{ orientation, w, h int }

// from is the place from which the pixel at a place comes.
func (t turn) from(x, y int) (int, int) {
	switch t.orientation {
	case 2: // mirrored from left to right
		return t.w - 1 - x, y
	case 3: // by half a turn
		return t.w - 1 - x, t.h - 1 - y
	case 4: // mirrored upside down
		return x, t.h - 1 - y
	case 5: // rows as columns
		return y, x
	case 6: // a quarter clockwise
		return y, t.h - 1 - x
	case 7: // rows as columns, and half a turn
		return t.w - 1 - y, t.h - 1 - x
	case 8: // a quarter counterclockwise
		return t.w - 1 - y, x
	}
	return x, y
}

// copy copies pixels of size bytes.
func (t turn) copy(dst, src []byte, dstStride, srcStride, size int) {
	w, h := t.w, t.h
	if t.orientation >= 5 {
		w, h = h, w
	}
	for y := range h {
		for x := range w {
			fromX, fromY := t.from(x, y)
			copy(dst[y*dstStride+x*size:][:size], src[fromY*srcStride+fromX*size:])
		}
	}
}
