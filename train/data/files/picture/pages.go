package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// maxPages bounds how far pages are counted.
const maxPages = 1 << 16

// pages counts the pages or frames of an encoded picture, of which the first is
// read; 1 where that cannot be told.
func pages(kind files.Kind, b []byte) int {
	n := 1
	switch kind {
	case files.TIFF:
		n = 0
		eachTIFF(b, func(directory []byte, order binary.ByteOrder) bool { n++; return n < maxPages })
	case files.GIF:
		n = framesOfGIF(b)
	case files.PNG:
		if i := bytes.Index(b, []byte("acTL")); i >= 0 && len(b) >= i+8 {
			n = int(min(binary.BigEndian.Uint32(b[i+4:]), maxPages))
		}
	case files.WebP:
		n = bytes.Count(b, []byte("ANMF"))
	}
	return max(n, 1)
}

// eachTIFF calls a function with each directory of a TIFF file, 12 bytes an entry,
// until it returns false.
func eachTIFF(b []byte, do func(directory []byte, order binary.ByteOrder) bool) {
	var order binary.ByteOrder = binary.LittleEndian
	if bytes.HasPrefix(b, []byte("MM")) {
		order = binary.BigEndian
	}
	if len(b) < 8 {
		return
	}
	for at, last := uint64(order.Uint32(b[4:])), uint64(0); at > last && at+2 <= uint64(len(b)); {
		end := at + 2 + 12*uint64(order.Uint16(b[at:]))
		if end+4 > uint64(len(b)) || !do(b[at+2:end], order) {
			return
		}
		at, last = uint64(order.Uint32(b[end:])), at
	}
}

// checkTIFF refuses reversed bit order, which the decoder supports in only two
// compressions.
func checkTIFF(b []byte) (err error) {
	const (
		tagCompression = 259
		tagFillOrder   = 266
		ccittFirst     = 2
		ccittLast      = 4
	)
	eachTIFF(b, func(directory []byte, order binary.ByteOrder) bool {
		compression, fill := uint16(1), uint16(1)
		for ; len(directory) >= 12; directory = directory[12:] {
			switch v := order.Uint16(directory[8:]); order.Uint16(directory) {
			case tagCompression:
				compression = v
			case tagFillOrder:
				fill = v
			}
		}
		if fill == 2 && (compression < ccittFirst || compression > ccittLast) {
			err = fmt.Errorf("%w: bits in reverse order", files.ErrFormat)
		}
		return false
	})
	return err
}

// framesOfGIF counts the frames by their blocks.
func framesOfGIF(b []byte) (n int) {
	table := func(flags byte) int {
		if flags&0x80 == 0 {
			return 0
		}
		return 3 << (flags&7 + 1)
	}
	if len(b) < 13 {
		return 0
	}
	at := 13 + table(b[10])
	for at < len(b) && n < maxPages {
		switch b[at] {
		case 0x21:
			at += 2
		case 0x2c:
			if at+10 >= len(b) {
				return n
			}
			n++
			at += 11 + table(b[at+9])
		default:
			return n
		}
		for at < len(b) && b[at] != 0 {
			at += 1 + int(b[at])
		}
		at++
	}
	return n
}
