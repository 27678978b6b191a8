package torch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"slices"
)

// written are the types of storages that Write writes, by the type of values.
var written = map[string]string{"<f4": "FloatStorage", "<i8": "LongStorage", "|u1": "ByteStorage"}

// alignment of the content of entries, as torch.save has it.
const alignment = 64

// oldest is the first date that a zip archive can hold, so that equal content has equal bytes.
const oldest = 1<<5 | 1

// Write writes a tensor of type <f4, <i8 or |u1 as torch.save writes it to a file NAME.pt, with
// additional files that PyTorch leaves unread. Equal content has equal bytes.
func Write(w io.Writer, name string, t Tensor, extra map[string][]byte) error {
	storage, ok := written[t.DType]
	if !ok {
		return fmt.Errorf("write tensor: type %q, want <f4, <i8 or |u1", t.DType)
	}
	n := 1
	for _, d := range t.Dims {
		n *= d
	}
	if n*widthOf(t.DType) != len(t.Data) {
		return fmt.Errorf("write tensor: %d bytes of %s for %v", len(t.Data), t.DType, t.Dims)
	}
	z := &zipWriter{to: zip.NewWriter(w)}
	z.add(name+"/"+pickleEntry, tensorPickle(storage, n, t.Dims))
	z.add(name+"/"+orderEntry, []byte("little"))
	z.add(name+"/"+dataFolder+"0", t.Data)
	for _, file := range slices.Sorted(maps.Keys(extra)) {
		z.add(name+"/"+extraFolder+file, extra[file])
	}
	z.add(name+"/version", []byte("3\n"))
	if z.err != nil {
		return z.err
	}
	return z.to.Close()
}

// zipWriter writes entries without compression, whose content is aligned.
type zipWriter struct {
	to  *zip.Writer
	at  int // where the next entry begins
	err error
}

func (z *zipWriter) add(name string, content []byte) {
	if z.err != nil {
		return
	}
	const header, field = 30, 4 // bytes of the header of an entry, and of an additional field
	start := z.at + header + len(name) + field
	padding := (alignment - start%alignment) % alignment
	extra := binary.LittleEndian.AppendUint16([]byte("FB"), uint16(padding))
	extra = append(extra, bytes.Repeat([]byte("Z"), padding)...)
	h := &zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(content), Extra: extra,
		CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content)), ModifiedDate: oldest}
	w, err := z.to.CreateRaw(h)
	if err == nil {
		_, err = w.Write(content)
	}
	z.at, z.err = start+padding+len(content), err
}

// tensorPickle is the pickle of a tensor of n values in row-major order, on storage 0, in
// protocol 2 as Python writes it.
func tensorPickle(storage string, n int, dims []int) []byte {
	p := &pickler{}
	p.raw("\x80\x02ctorch._utils\n_rebuild_tensor_v2\n").memo()
	p.raw("((").text("storage").memo()
	p.raw("ctorch\n" + storage + "\n").memo()
	p.text("0").memo()
	p.text("cpu").memo()
	p.number(n).raw("t").memo().raw("Q").number(0)
	strides, stride := make([]int, len(dims)), 1
	for d := len(dims) - 1; d >= 0; d-- {
		strides[d], stride = stride, stride*max(dims[d], 1)
	}
	p.tuple(dims).tuple(strides)
	p.raw("\x89ccollections\nOrderedDict\n").memo()
	p.raw(")R").memo()
	p.raw("t").memo()
	p.raw("R").memo()
	return append(p.out, '.')
}

// pickler appends instructions of a pickle.
type pickler struct {
	out  []byte
	next byte // number in the memo
}

func (p *pickler) raw(s string) *pickler {
	p.out = append(p.out, s...)
	return p
}

// memo keeps the value on the stack, as Python does with every value that could be shared.
func (p *pickler) memo() *pickler {
	p.out = append(p.out, 'q', p.next)
	p.next++
	return p
}

func (p *pickler) text(s string) *pickler {
	p.out = binary.LittleEndian.AppendUint32(append(p.out, 'X'), uint32(len(s)))
	return p.raw(s)
}

func (p *pickler) number(n int) *pickler {
	switch {
	case n <= math.MaxUint8:
		p.out = append(p.out, 'K', byte(n))
	case n <= math.MaxUint16:
		p.out = binary.LittleEndian.AppendUint16(append(p.out, 'M'), uint16(n))
	case n <= math.MaxInt32:
		p.out = binary.LittleEndian.AppendUint32(append(p.out, 'J'), uint32(n))
	default:
		p.out = binary.LittleEndian.AppendUint64(append(p.out, 0x8a, 8), uint64(n))
	}
	return p
}

func (p *pickler) tuple(numbers []int) *pickler {
	short := len(numbers) <= 3
	if len(numbers) == 0 {
		return p.raw(")")
	}
	if !short {
		p.raw("(")
	}
	for _, n := range numbers {
		p.number(n)
	}
	if short {
		p.out = append(p.out, byte(0x84+len(numbers)))
	} else {
		p.raw("t")
	}
	return p.memo()
}
