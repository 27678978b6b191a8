package array

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

func idx(header []uint32, body []byte) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, header)
	b.Write(body)
	return b.Bytes()
}

func images(n, h, w int) []byte {
	return idx([]uint32{idxImages, uint32(n), uint32(h), uint32(w)}, bytes.Repeat([]byte{255, 0}, n*h*w/2))
}

func TestBadIDXFilesNameFileByteAndHint(t *testing.T) {
	good := idx([]uint32{idxLabels, 4}, []byte{0, 1, 9, 3})
	for name, c := range map[string]struct {
		images, labels []byte
		want           error
		text           string
	}{
		"truncated images": {images(4, 28, 28)[:1000], good, files.ErrTruncated, "byte 1000"},
		"no image at all":  {images(0, 28, 28), idx([]uint32{idxLabels, 0}, nil), files.ErrFormat, "this part is empty"},
		"bytes after gzip": {append(filestest.Gzip(images(4, 28, 28)), "garbage"...), good, files.ErrTrailing,
			"byte 3152: has bytes after the end of the gzip stream"},
		"a cut second gzip": {append(filestest.Gzip(images(3, 28, 28)), filestest.Gzip(images(4, 28, 28))[:5]...), good,
			files.ErrTruncated, "train-images"},
		"truncated gzip":    {filestest.Gzip(images(4, 28, 28))[:40], good, files.ErrTruncated, "train-images"},
		"truncated header":  {images(4, 28, 28)[:7], good, files.ErrTruncated, "byte 7"},
		"labels for images": {good, good, files.ErrFormat, "2049"},
		"trailing bytes":    {append(images(4, 28, 28), 7), good, files.ErrTrailing, "byte 3152"},
		"a lying header":    {idx([]uint32{idxImages, 1 << 31, 28, 28}, nil), good, files.ErrTooLarge, "announces"},
		"an endless image":  {idx([]uint32{idxImages, 1, 1 << 31, 1 << 31}, nil), good, files.ErrFormat, "byte 8"},
		"too few labels": {images(4, 28, 28), idx([]uint32{idxLabels, 3}, []byte{1, 2, 3}), files.ErrFormat,
			"3 labels for 4 images"},
		"a lying body count": {idx([]uint32{idxImages, 1 << 20, 28, 28}, []byte("short")), good, files.ErrTruncated,
			"byte 21"},
	} {
		dir := filestest.Folder(t, map[string][]byte{"train-images": c.images, "train-labels": c.labels})
		_, err := idxPart(files.Dir(dir), "train-images", "train-labels")
		var fe *files.Error
		if !errors.Is(err, c.want) || !errors.As(err,
			&fe) || fe.Hint == "" || fe.Path == "" || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %v, want %v with %q", name, err, c.want, c.text)
		}
	}
}

func TestGzipStreamsThatFollowEachOtherAreOneFile(t *testing.T) {
	all := images(4, 28, 28)
	dir := filestest.Folder(t, map[string][]byte{
		"train-images": bytes.Join([][]byte{filestest.Gzip(all[:9]), filestest.Gzip(nil), filestest.Gzip(all[9:]),
			filestest.Gzip(nil)}, nil), "train-labels": filestest.Gzip(idx([]uint32{idxLabels, 4}, []byte{0, 1, 9, 3})),
	})
	if p, err := idxPart(files.Dir(dir), "train-images", "train-labels"); err != nil || len(p.Bytes) != 4*28*28 {
		t.Errorf("%v", err)
	}
}

func FuzzIDXImages(f *testing.F) {
	f.Add(images(2, 4, 4))
	f.Add(idx([]uint32{idxImages, 1 << 30, 1, 1}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if dims, pixels, n, err := decodeIDXImages(bytes.NewReader(b)); err == nil && len(dims) == 2 &&
			len(pixels) != n*dims[0]*dims[1] {
			t.Errorf("%d pixels of %v", len(pixels), dims)
		}
	})
}

func FuzzIDXLabels(f *testing.F) {
	f.Add(idx([]uint32{idxLabels, 3}, []byte{1, 2, 3}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if labels, err := decodeIDXLabels(bytes.NewReader(b)); err == nil && len(labels)+8 != len(b) {
			t.Errorf("%d labels from %d bytes", len(labels), len(b))
		}
	})
}
