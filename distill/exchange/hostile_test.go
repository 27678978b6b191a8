package exchange

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// tensorPickle is the pickle of a tensor of float32 on a storage.
func tensorPickle(stored, offset int64, dims, strides []int64) string {
	number := func(n int64) string { return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	tuple := func(all []int64) (out string) {
		for _, n := range all {
			out += number(n)
		}
		return "(" + out + "t"
	}
	text := func(s string) string { return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s }
	return "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text("0") +
		text("cpu") + number(stored) + "tQ" + number(offset) + tuple(dims) + tuple(strides) +
		"\x89ccollections\nOrderedDict\n)RtR."
}

// pt is a PyTorch file of a pickle, with more entries by name.
func pt(pickle string, entries ...string) []byte {
	all := map[string][]byte{"a/data.pkl": []byte(pickle)}
	for i := 0; i < len(entries); i += 2 {
		all["a/"+entries[i]] = []byte(entries[i+1])
	}
	return filestest.Zip(all)
}

// deflated is an archive whose entry is compressed.
func deflated(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// safe is a file of safetensors with a header as it is given.
func safe(header string, content ...byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), content...)
}

// wide is a PNG that says that it is so many pixels wide and high.
func wide(w, h uint32) []byte {
	content := filestest.PNG(filestest.Gray(2, 3, 1, 2, 3, 4, 5, 6))
	binary.BigEndian.PutUint32(content[16:], w)
	binary.BigEndian.PutUint32(content[20:], h)
	binary.BigEndian.PutUint32(content[29:], crc32.ChecksumIEEE(content[12:29])) // of the header
	return content
}

// A set made by somebody else may be made to harm: each of these is refused, by its cause, with little memory.
func TestFilesThatAreMadeToHarmAreRefusedWithLittleMemory(t *testing.T) {
	huge := int64(math.MaxInt64)
	two := strings.Repeat("\x00\x00\x80\x3f", 12)
	zeros := make([]byte, 8<<20)
	for name, c := range map[string]struct {
		content []byte
		cause   error
	}{
		"pt: a command":            {pt("\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R."), ErrObject},
		"pt: a command by name":    {pt("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."), ErrObject},
		"pt: an import":            {pt("\x80\x02c__builtin__\n__import__\nX\x02\x00\x00\x00os\x85R."), ErrObject},
		"pt: an attribute":         {pt("\x80\x02c__builtin__\ngetattr\n."), ErrObject},
		"pt: torch.load again":     {pt("\x80\x02ctorch\nload\nX\x01\x00\x00\x00x\x85R."), ErrObject},
		"pt: a numpy object array": {pt("\x80\x02cnumpy\ndtype\n(X\x02\x00\x00\x00O8K\x00K\x01tR."), ErrObject},
		"pt: a storage that is not there": {pt(tensorPickle(12, 0, []int64{2, 1, 2, 3}, []int64{6, 6, 3, 1})),
			ErrFormat},
		"pt: a persistent id that is no storage": {pt("\x80\x02NQ."), ErrObject},
		"pt: an offset beyond the storage": {pt(tensorPickle(12, 13, []int64{1, 1, 2, 3}, []int64{6, 6, 3, 1}), "data/0",
			two), ErrFormat},
		"pt: a negative stride": {pt(tensorPickle(12, 11, []int64{2, 1, 2, 3}, []int64{-6, 6, 3, 1}), "data/0", two),
			ErrFormat},
		"pt: one value for many": {pt(tensorPickle(12, 0, []int64{1 << 20, 1, 2, 3}, []int64{0, 0, 0, 0}), "data/0", two),
			ErrFormat},
		"pt: images that overlap": {pt(tensorPickle(12, 0, []int64{7, 1, 2, 3}, []int64{1, 6, 3, 1}), "data/0", two),
			ErrFormat},
		"pt: dimensions that overflow": {pt(tensorPickle(12, 0, []int64{huge, huge, 2, 3}, []int64{6, 6, 3, 1}), "data/0",
			two), ErrFormat},
		"pt: dimensions that overflow to 12": {pt(tensorPickle(12, 0, []int64{1 << 62, 4, 4, 3}, []int64{12, 12, 3, 1}),
			"data/0", two), ErrFormat},
		"pt: doubles in a storage of floats": {pt(tensorPickle(12, 0, []int64{2, 1, 2, 3}, []int64{6, 6, 3, 1}), "data/0",
			two+two), ErrTooLarge},
		"pt: another order of bytes": {pt(tensorPickle(12, 0, []int64{2, 1, 2, 3}, []int64{6, 6, 3, 1}), "data/0", two,
			"byteorder", "middle"), ErrFormat},
		"pt: a zip archive as a pickle": {pt(string(filestest.Zip(map[string][]byte{"b": nil}))), ErrObject},
		"pt: a deep pickle":             {pt("\x80\x02" + strings.Repeat("(", 1<<20) + "."), ErrTooLarge},
		"pt: lists that double": {pt("\x80\x02]q\x00" + strings.Repeat("0](h\x00h\x00eq\x00", 60) + "."),
			ErrTooLarge},
		"pt: a list in itself":   {pt("\x80\x02]q\x00h\x00a."), ErrFormat},
		"pt: zeros, compressed":  {deflated(t, "a/data.pkl", zeros), ErrTooLarge},
		"pt: a program of torch": {pt(tensorPickle(1, 0, nil, nil), "code/x.py", "x"), ErrObject},

		"npz: objects": {filestest.NPZ(map[string][]byte{
			"images": filestest.NumPy("|O", false, "(2, 1, 2, 3)", bytes.Repeat([]byte{0x80}, 96))}), ErrFormat},
		"npz: a header that is code": {filestest.NPZ(map[string][]byte{
			"images": filestest.NumPyHeader(1, "__import__('os').system('id')\n", []byte{1})}), ErrFormat},
		"npz: a header of 4 GiB": {filestest.NPZ(map[string][]byte{
			"images": []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'")}), ErrTooLarge},
		"npz: dimensions that overflow": {filestest.NPZ(map[string][]byte{
			"images": filestest.NumPy("<f4", false, "(4294967296, 4294967296, 2, 3)", []byte{1})}), ErrTooLarge},
		"npz: a negative dimension": {filestest.NPZ(map[string][]byte{
			"images": filestest.NumPy("<f4", false, "(-2, 1, 2, 3)", make([]float32, 12))}), ErrFormat},
		"npz: fewer values than it says": {filestest.NPZ(map[string][]byte{
			"images": filestest.NumPy("<f4", true, "(300000, 1, 2, 3)", make([]float32, 12))}), ErrFormat},
		"npz: more than one name": {bytes.ReplaceAll(filestest.NPZ(map[string][]byte{"images": {1}, "imageb": {1}}),
			[]byte("imageb"), []byte("images")), ErrFormat},
		"npz: zeros, compressed": {deflated(t, "images.npy", filestest.NumPy("|u1", false, "(9000000, 1, 2, 3)",
			make([]byte, 6*9000000))), ErrTooLarge},

		"safetensors: a header of 2^63 bytes": {append(binary.LittleEndian.AppendUint64(nil, 1<<63), '{'), ErrFormat},
		"safetensors: a header of 2^39 bytes": {append(binary.LittleEndian.AppendUint64(nil, 1<<39), '{'), ErrTooLarge},
		"safetensors: one place for two": {safe(`{"images":{"dtype":"U8","shape":[1,1,2,3],"data_offsets":[0,6]},`+
			`"labels":{"dtype":"U8","shape":[6],"data_offsets":[0,6]}}`, 1, 2, 3, 4, 5, 6), ErrFormat},
		"safetensors: one name for two": {safe(`{"images":{"dtype":"U8","shape":[1,1,1,3],"data_offsets":[0,3]},`+
			`"images":{"dtype":"U8","shape":[1,1,1,3],"data_offsets":[3,6]}}`, 1, 2, 3, 4, 5, 6), ErrFormat},
		"safetensors: dimensions that overflow": {safe(`{"images":{"dtype":"U8","shape":[4294967296,4294967296,1],` +
			`"data_offsets":[0,0]}}`), ErrTooLarge},
		"safetensors: an offset before the start": {safe(
			`{"images":{"dtype":"U8","shape":[1,1,2,3],"data_offsets":[-6,0]}}`), ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			refusedWithLittle(t, path, Options{Values: Unit}, int64(len(c.content)), c.cause)
		})
	}
}

// refusedWithLittle reads what is refused, and takes no more memory than some times the file and a constant.
func refusedWithLittle(t *testing.T, path string, opt Options, size int64, cause error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Read(path, small, opt)
	runtime.ReadMemStats(&after)
	checkRefused(t, err, cause, "")
	if took := int64(after.TotalAlloc - before.TotalAlloc); took > 64<<20+8*size {
		t.Errorf("%d bytes allocated for a file of %d", took, size)
	}
}

func TestFoldersThatAreMadeToHarmAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		folder map[string][]byte
		cause  error
	}{
		"a picture that says it is huge": {map[string][]byte{"cat/a.png": wide(60_000, 60_000)}, ErrTooLarge},
		"a picture of another size": {map[string][]byte{
			"cat/a.png": filestest.PNG(image.NewGray(image.Rect(0, 0, 400, 400)))}, ErrShape},
		"a hidden folder": {map[string][]byte{".cat/a.png": wide(3, 2)}, ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			refusedWithLittle(t, filestest.Folder(t, c.folder), Options{}, 0, c.cause)
		})
	}
}

// A link leads wherever its maker wants; what lies outside of the folder is not part of a set.
func TestLinksOutOfAFolderAreNotFollowed(t *testing.T) {
	picture := filestest.PNG(filestest.Gray(2, 3, 1, 2, 3, 4, 5, 6))
	dir := filestest.Folder(t, map[string][]byte{"cat/a.png": picture, "dog/b.png": picture})
	outside := filestest.Folder(t, map[string][]byte{"private.png": picture})
	for link, to := range map[string]string{"cat/c.png": filepath.Join(outside, "private.png"), "dog/more": outside} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	if got := read(t, dir, small, Options{}); got.Samples.Len() != 2 {
		t.Errorf("%d samples, want the two in the folder", got.Samples.Len())
	}
}
