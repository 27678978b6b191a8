// Package exif reads the orientation that cameras write into JPEG, PNG, WebP
// and TIFF files, and turns pictures upright.
package exif

import (
	"bytes"
	"encoding/binary"
)

// upright is the orientation of pictures that need not be turned.
const upright = 1

// Orientation is the EXIF orientation of a picture in a JPEG, PNG, WebP or TIFF
// file: 1 to 8, and 1 where the file has none, is damaged or of another format.
// It reads the first directory of the metadata only and takes no memory.
func Orientation(file []byte) int {
	switch {
	case bytes.HasPrefix(file, []byte("\xff\xd8")):
		return ofJPEG(file[2:])
	case bytes.HasPrefix(file, []byte("\x89PNG\r\n\x1a\n")):
		return ofPNG(file[8:])
	case len(file) >= 12 && string(file[:4]) == "RIFF" && string(file[8:12]) == "WEBP":
		return ofWebP(file[12:])
	}
	return ofTIFF(file)
}

// ofJPEG looks through the segments before the pixels.
func ofJPEG(b []byte) int {
	for len(b) >= 4 && b[0] == 0xff {
		marker := b[1]
		switch {
		case marker == 0xff: // fills up
			b = b[1:]
			continue
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd7: // has no content
			b = b[2:]
			continue
		case marker == 0xd9 || marker == 0xda: // the end, or pixels
			return upright
		}
		size := int(binary.BigEndian.Uint16(b[2:]))
		if size < 2 || size > len(b)-2 {
			return upright
		}
		if content, ok := bytes.CutPrefix(b[4:2+size], []byte("Exif\x00\x00")); ok && marker == 0xe1 {
			return ofTIFF(content)
		}
		b = b[2+size:]
	}
	return upright
}

// ofPNG looks through the chunks.
func ofPNG(b []byte) int {
	for len(b) >= 12 {
		size := binary.BigEndian.Uint32(b)
		if uint64(size) > uint64(len(b)-12) {
			return upright
		}
		if string(b[4:8]) == "eXIf" {
			return ofTIFF(b[8 : 8+size])
		}
		b = b[12+size:]
	}
	return upright
}

// ofWebP looks through the chunks.
func ofWebP(b []byte) int {
	for len(b) >= 8 {
		size := binary.LittleEndian.Uint32(b[4:])
		if uint64(size) > uint64(len(b)-8) {
			return upright
		}
		if string(b[:4]) == "EXIF" {
			return ofTIFF(bytes.TrimPrefix(b[8:8+size], []byte("Exif\x00\x00")))
		}
		b = b[8+size:]
		b = b[min(int(size&1), len(b)):]
	}
	return upright
}

// ofTIFF reads tag 274 of the first directory.
func ofTIFF(b []byte) int {
	const (
		tagOrientation = 274
		typeShort      = 3
		typeLong       = 4
		entrySize      = 12
	)
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(b, []byte("II*\x00")):
	case bytes.HasPrefix(b, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return upright
	}
	if len(b) < 8 {
		return upright
	}
	at := uint64(order.Uint32(b[4:]))
	if at+2 > uint64(len(b)) {
		return upright
	}
	count := order.Uint16(b[at:])
	for b = b[at+2:]; count > 0 && len(b) >= entrySize; count-- {
		if order.Uint16(b) == tagOrientation && order.Uint32(b[4:]) == 1 {
			v := uint32(order.Uint16(b[8:]))
			switch kind := order.Uint16(b[2:]); {
			case kind == typeLong:
				v = order.Uint32(b[8:])
			case kind != typeShort:
				return upright
			}
			if v < 1 || v > 8 {
				return upright
			}
			return int(v)
		}
		b = b[entrySize:]
	}
	return upright
}
