package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// ownSide is the side of the images that own writes, ownSamples how many of
// each of two classes.
const (
	ownSide    = 8
	ownSamples = 15
)

// writeOwn writes the same small data twice: an archive of arrays, and a folder
// of pictures with one larger picture in a second folder.
func writeOwn(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	var x, y []byte
	for i := range 2 * ownSamples {
		m := image.NewGray(image.Rect(0, 0, ownSide, ownSide))
		for j := range m.Pix {
			m.Pix[j] = byte(100*(i%2) + 7*i%50 + j)
		}
		x, y = append(x, m.Pix...), append(y, byte(i%2))
		writePNG(ts, filepath.Join(dir, "pictures", []string{"cat", "dog"}[i%2], fmt.Sprintf("%02d.png", i)), m)
	}
	large := image.NewNRGBA(image.Rect(0, 0, 20, 30))
	for i := range large.Pix {
		large.Pix[i] = 0xff
	}
	large.SetNRGBA(3, 3, color.NRGBA{200, 100, 50, 255})
	writePNG(ts, filepath.Join(dir, "mixed", "cat", "1.png"), large)
	writePNG(ts, filepath.Join(dir, "mixed", "dog", "1.png"), image.NewGray(image.Rect(0, 0, ownSide, ownSide)))

	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, a := range map[string]struct {
		dims   string
		values []byte
	}{"images": {fmt.Sprintf("(%d, %d, %d)", len(y), ownSide, ownSide), x}, "labels": {fmt.Sprintf("(%d,)", len(y)), y}} {
		w, err := z.Create(name + ".npy")
		ts.Check(err)
		head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': %s, }\n", a.dims)
		content := append(binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head))), head...)
		_, err = w.Write(append(content, a.values...))
		ts.Check(err)
	}
	ts.Check(z.Close())
	ts.Check(os.WriteFile(filepath.Join(dir, "own.npz"), archive.Bytes(), 0o644))
}

// writeEmptied copies the entry of one part in a home's notes to the first part,
// with no samples.
func writeEmptied(ts *testscript.TestScript, _ bool, args []string) {
	path := filepath.Join(ts.Getenv("DISTILLMESH_PATH"), "notes.json")
	var notes map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(path)), &notes))
	all := notes["data"].(map[string]any)
	entry := maps.Clone(all[args[0]].(map[string]any))
	entry["name"], entry["part"], entry["counts"] = args[1], 0, make([]int, len(entry["counts"].([]any)))
	all[args[1]] = entry
	content, err := json.Marshal(notes)
	ts.Check(err)
	ts.Check(os.WriteFile(path, content, 0o600))
}

func writePNG(ts *testscript.TestScript, path string, m image.Image) {
	var b bytes.Buffer
	ts.Check(png.Encode(&b, m))
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(path, b.Bytes(), 0o644))
}
