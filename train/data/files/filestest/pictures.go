package filestest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"slices"
)

// PNG encodes a picture.
func PNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// JPEG encodes a picture at the best quality.
func JPEG(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Gray is a picture of h x w grey pixels, row-major.
func Gray(h, w int, pixels ...byte) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, w, h))
	copy(m.Pix, pixels)
	return m
}

// Exif is a TIFF structure that holds nothing but an orientation, 1 to 8.
func Exif(orientation int) []byte {
	b := append([]byte("II*\x00"), 8, 0, 0, 0, 1, 0)
	b = binary.LittleEndian.AppendUint16(b, 274)
	b = binary.LittleEndian.AppendUint16(b, 3)
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(orientation))
	return append(b, 0, 0, 0, 0)
}

// TurnedJPEG puts an orientation into an encoded JPEG.
func TurnedJPEG(b []byte, orientation int) []byte {
	meta := append([]byte("Exif\x00\x00"), Exif(orientation)...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(meta)+2))
	return bytes.Join([][]byte{b[:2], segment, meta, b[2:]}, nil)
}

// TurnedPNG puts an orientation into an encoded PNG, before its pixels or, late,
// after them.
func TurnedPNG(b []byte, orientation int, late bool) []byte {
	at := 33 // behind IHDR
	if late {
		at = len(b) - 12
	}
	return bytes.Join([][]byte{b[:at], pngChunk("eXIf", Exif(orientation)), b[at:]}, nil)
}

func pngChunk(name string, content []byte) []byte {
	b := append([]byte(name), content...)
	out := append(binary.BigEndian.AppendUint32(nil, uint32(len(content))), b...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(b))
}

// TIFF is an uncompressed picture of h x w pixels of 1, 3 or 4 samples of 8 or 16
// bits each, row-major, with an orientation. Its directory is at its end.
func TIFF(h, w, samples, bits, orientation int, pixels []uint16) []byte {
	b := append([]byte("II*\x00"), 0, 0, 0, 0)
	for _, p := range pixels {
		if b = append(b, byte(p)); bits == 16 {
			b = append(b, byte(p>>8))
		}
	}
	strip := len(b) - 8
	depths := len(b)
	for range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(bits))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
	photometric := 1
	if samples > 1 {
		photometric = 2
	}
	tags := [][3]int{{256, 4, w}, {257, 4, h}, {258, 3, depths}, {259, 3, 1}, {262, 3, photometric}, {273, 4, 8},
		{274, 3, orientation}, {277, 3, samples}, {278, 4, h}, {279, 4, strip}}
	if samples == 1 {
		tags[2][2] = bits
	}
	if samples == 4 {
		tags = append(tags, [3]int{338, 3, 2}) // alpha by itself
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(tags)))
	for _, t := range tags {
		count := 1
		if t[0] == 258 {
			count = samples
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(t[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(t[1]))
		b = binary.LittleEndian.AppendUint32(b, uint32(count))
		b = binary.LittleEndian.AppendUint32(b, uint32(t[2]))
	}
	return append(b, 0, 0, 0, 0)
}

// bitWriter packs bits from the lowest on.
type bitWriter struct {
	out  []byte
	free int
}

func (w *bitWriter) put(v, n int) {
	for range n {
		if w.free == 0 {
			w.out, w.free = append(w.out, 0), 8
		}
		w.out[len(w.out)-1] |= byte(v&1) << (8 - w.free)
		v >>= 1
		w.free--
	}
}

// WebP is a lossless picture of h x w pixels that are bright or not, in one of two
// colors {R, G, B, A}, with an orientation; 0 for none.
func WebP(h, w int, dark, light [4]byte, bright []bool, orientation int) []byte {
	b := &bitWriter{}
	b.put(0x2f, 8)
	b.put(w-1, 14)
	b.put(h-1, 14)
	b.put(1, 1) // alpha
	b.put(0, 3) // version
	b.put(0, 3) // no transform, no color cache, no other codes
	for _, c := range []int{1, 0, 2, 3} {
		b.put(1, 1) // a simple code
		two := 0
		if dark[c] != light[c] {
			two = 1
		}
		b.put(two, 1)
		b.put(1, 1) // symbols of 8 bits
		if two == 0 {
			b.put(int(dark[c]), 8)
			continue
		}
		b.put(int(min(dark[c], light[c])), 8)
		b.put(int(max(dark[c], light[c])), 8)
	}
	b.put(0b0001, 4) // distances: a simple code of the symbol 0
	for _, up := range bright {
		for _, c := range []int{1, 0, 2, 3} {
			switch {
			case dark[c] == light[c]:
			case up == (light[c] > dark[c]):
				b.put(1, 1)
			default:
				b.put(0, 1)
			}
		}
	}
	body := []byte("WEBP")
	chunk := func(name string, content []byte) {
		body = binary.LittleEndian.AppendUint32(append(body, name...), uint32(len(content)))
		body = append(append(body, content...), make([]byte, len(content)&1)...)
	}
	if orientation > 0 {
		head := []byte{0x18, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), 0, byte(h - 1), byte((h - 1) >> 8), 0}
		chunk("VP8X", head)
	}
	chunk("VP8L", b.out)
	if orientation > 0 {
		chunk("EXIF", Exif(orientation))
	}
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// GrayAlphaPNG is a picture of h x w pixels of grey and alpha, row-major, which Go's
// encoder does not write.
func GrayAlphaPNG(h, w int, pixels ...byte) []byte {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	for y := range h {
		z.Write(append([]byte{0}, pixels[2*w*y:2*w*(y+1)]...))
	}
	z.Close()
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(head, 8, 4, 0, 0, 0)),
		pngChunk("IDAT", packed.Bytes()), pngChunk("IEND", nil))
}
