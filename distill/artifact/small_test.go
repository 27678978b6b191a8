package artifact

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// blobs is a request for a set of images of 9 x 8 pixels, two of three classes, by a code.
func blobs(pixels PixelType) Request {
	shape := data.Shape{C: 1, H: 9, W: 8}
	task := &data.Task{Version: data.TaskVersion, Name: "blobs", Classes: []string{"a", "b", "c"}, Shape: shape,
		Mean: []float64{0.3}, Std: []float64{0.2}}
	r := request(pixels)
	r.Task, r.Samples, r.IPC, r.Bare = task, distilltest.Samples(shape, 3, []int{0, 1}, 40), 2, true
	return r
}

// smallParts are the line, with its newline, and the stream of a set in its small form.
func smallParts(t testing.TB, files Files) (line string, stream []byte) {
	t.Helper()
	content, ok := files[SmallFile]
	end := bytes.IndexByte(content, '\n')
	if !ok || len(files) != 1 || end < 0 {
		t.Fatalf("files %v, the line ends at %d", files.Names(), end)
	}
	return string(content[:end+1]), content[end+1:]
}

// allocated is how many bytes a call allocates in all.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// oneOfEach are counts of one image for so many classes.
func oneOfEach(classes int) string {
	var out []string
	for i := range classes {
		out = append(out, strconv.Quote(strconv.Itoa(i))+":1")
	}
	return strings.Join(out, ",")
}

// spellings are other ways to write what the line of blobs says: what is replaced, and by what.
var spellings = map[string][2]string{
	"an unknown field":                 {`"method"`, `"kind":"set","method"`},
	"a field that only a manifest has": {`"method"`, `"contains_real":false,"method"`},
	"a field of another order":         {`{"changed":`, `{"set":1,"changed":`}, // and at its place
	"a field in capitals":              {`"set"`, `"Set"`},
	"a space":                          {`"set":1`, `"set": 1`},
	"an exponent":                      {`"set":1`, `"set":1e0`},
	"an escaped letter":                {`"counts"`, `"\u0063ounts"`},
	"a second object":                  {"}\n", "}{}\n"},
	"a seed of 0":                      {`"set"`, `"seed":0,"set"`},
	"the usual number per class":       {`"method"`, `"ipc":2,"method"`},
	"a code misspelled":                {`DCT:20:0.5:0`, `DCT:020:0.5:0`},
	"a step misspelled":                {`DCT:20:0.5:0`, `DCT:20:0.50:0`},
	"a step of hexadecimal digits":     {`DCT:20:0.5:0`, `DCT:20:0x1p-1:0`},
	"a class with a zero before it":    {`"1":2`, `"01":2`},
	"a class with a sign":              {`"1":2`, `"+1":2`},
	"a default of a recipe":            {`"affine"`, `{"band":20,"lr":0.001}`},
	"a usual recipe spelled out": {`"affine"`, `{"augment":"affine","band":20,"elastic":0.6,"max_steps":1500,` +
		`"schedule":"cosine","smooth":0.1}`},
	"a recipe that is nothing": {`"affine"`, `null`},
	"a method of version 01":   {`"gmm/`, `"gmm/0`},
}

// lies are lines that say what is not so, or what no set says.
var lies = map[string][2]string{
	"another version":               {`"set":1`, `"set":2`},
	"no version":                    {`"set":1,`, ``},
	"a method without a version":    {`"gmm/`, `"gmm`},
	"another task":                  {`"task":"bafk`, `"task":"bafx`},
	"a negative ratio":              {`"nearest_real":`, `"nearest_real":-`},
	"no counts":                     {`{"0":2,"1":2}`, `{}`},
	"a count of 0":                  {`"1":2`, `"1":2,"2":0`},
	"a negative count":              {`"0":2,"1":2`, `"0":5,"1":-1`},
	"an image less":                 {`"0":2,"1":2`, `"0":2,"1":1`},
	"an image more":                 {`"0":2,"1":2`, `"0":2,"1":3`},
	"other images of other classes": {`"0":2,"1":2`, `"0":1,"1":3`},
	"a class that the task lacks":   {`"1":2`, `"3":2`},
	"a class far beyond":            {`"1":2`, `"100000000":2`},
	"a class below 0":               {`"0":2,"1":2`, `"-1":2,"0":2`},
	"thousands of classes":          {`"0":2,"1":2`, oneOfEach(60_000)},
	"more images than bits":         {`"0":2,"1":2`, `"0":1,"1":9000`},
	"as many images as bits":        {`"0":2,"1":2`, `"0":160,"1":160`},
	"a huge count":                  {`"1":2`, `"1":9000000`},
	"a count beyond 64 bits":        {`"1":2`, `"1":99999999999999999999`},
	"counts that overflow together": {`"0":2,"1":2`, `"0":4611686018427387904,"1":4611686018427387904`},
	"a code with more":              {`DCT:20:0.5:0`, `DCT:20:0.5:0:0`},
	"a code without a step":         {`DCT:20:0.5:0`, `DCT:20`},
	"a code that is open":           {`DCT:20:0.5:0`, `DCT`},
	"pixels":                        {`DCT:20:0.5:0`, `U8`},
	"a step of 0":                   {`DCT:20:0.5:0`, `DCT:20:0:0`},
	"a step that is no number":      {`DCT:20:0.5:0`, `DCT:20:NaN:0`},
	"more coefficients than pixels": {`DCT:20:0.5:0`, `DCT:73:0.5:0`},
	"other coefficients":            {`DCT:20:0.5:0`, `DCT:70:0.5:0`},
	"a turned shape":                {`[1,9,8]`, `[1,8,9]`},
	"a shape of nothing":            {`[1,9,8]`, `[0,0,0]`},
	"a shape beyond all":            {`[1,9,8]`, `[3,1000000000,1000000000]`},
	"a recipe that trains nothing":  {`"affine"`, `{"epochs":0,"min_steps":0}`},
	"a recipe of no augmentation":   {`"affine"`, `"mirrors"`},
	"a line of a megabyte":          {`"set"`, `"licence":"` + strings.Repeat("x", SmallBytes) + `","set"`},
}

func TestSmallFormsHaveOneSpellingAndAreNotTakenOnTrust(t *testing.T) {
	r := blobs("DCT:20:0.5:0")
	line, stream := smallParts(t, mustMake(t, r).Files)
	all := maps.Clone(spellings)
	maps.Copy(all, lies)
	lines := map[string]string{"no newline": strings.TrimSpace(line), "an empty line": "\n", "no object": "[]\n",
		"null": "null\n", "a field twice": strings.Replace(line, `"set":1,`, `"set":1,"set":1,`, 1),
		"two lines": line + "\n"}
	for name, c := range all {
		if lines[name] = strings.Replace(line, c[0], c[1], 1); lines[name] == line {
			t.Fatalf("no %s in %s", c[0], line)
		}
	}
	for name, changed := range lines {
		var err error
		cost := allocated(func() {
			_, err = ReadSet(Files{SmallFile: append([]byte(changed), stream...)}, r.Task, Limits{})
		})
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if cost > 64<<20 {
			t.Errorf("%s: %d bytes are allocated to refuse it", name, cost)
		}
	}
	if _, err := ReadSet(Files{SmallFile: []byte(line + string(stream))}, r.Task, Limits{}); err != nil {
		t.Errorf("what was changed is refused itself: %v", err)
	}
}

func TestStreamsOfSmallFormsAreWhole(t *testing.T) {
	r := blobs("DCT:20:0.5:0")
	line, stream := smallParts(t, mustMake(t, r).Files)
	many := strings.Replace(line, `"0":2,"1":2`, `"0":90000,"1":90000`, 1)
	for name, c := range map[string]struct {
		line   string
		stream []byte
	}{
		"nothing":                      {line, nil},
		"the last byte missing":        {line, stream[:len(stream)-1]},
		"the first byte missing":       {line, stream[1:]},
		"half of it":                   {line, stream[:len(stream)/2]},
		"a byte behind it":             {line, append(bytes.Clone(stream), 1)},
		"a zero behind it":             {line, append(bytes.Clone(stream), 0)},
		"a megabyte behind it":         {line, append(bytes.Clone(stream), make([]byte, SmallBytes)...)},
		"the dearest levels, for many": {many, make([]byte, 40_000)},
		"ones, for many":               {many, bytes.Repeat([]byte{255}, 40_000)},
	} {
		var err error
		cost := allocated(func() {
			_, err = ReadSet(Files{SmallFile: append([]byte(c.line), c.stream...)}, r.Task, Limits{})
		})
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if cost > 256<<20 {
			t.Errorf("%s: %d bytes are allocated to refuse it", name, cost)
		}
	}
}

func TestImagesOfASmallFormAreWorthTheirBytes(t *testing.T) {
	r := blobs("DCT:20:0.5:0")
	line, stream := smallParts(t, mustMake(t, r).Files)
	// Pixels, levels and coefficients of four bytes each.
	whole, size := Files{SmallFile: []byte(line + string(stream))}, int64(4*(r.Task.Shape.Size()+2*20))
	if _, err := ReadSet(whole, r.Task, Limits{DecodedBytes: 4 * size}); err != nil {
		t.Errorf("four images in the bytes of four: %v", err)
	}
	if _, err := ReadSet(whole, r.Task, Limits{DecodedBytes: 4*size - 1}); !errors.Is(err, ErrInvalid) {
		t.Errorf("four images in a byte less: %v", err)
	}
	code, err := r.Pixels.Code(r.Task.Shape)
	if err != nil {
		t.Fatal(err)
	}
	blank := &data.Samples{Shape: r.Task.Shape, Classes: 3, X: make([]float32, 600*72), Y: make([]int, 600)}
	tensors, err := encodeCoded(blank, *code, 0)
	if err != nil {
		t.Fatal(err)
	}
	most := MostPerByte * len(tensors[0].Data)
	line = strings.Replace(line, `"0":2,"1":2`, `"0":600`, 1)
	if _, err := ReadSet(Files{SmallFile: append([]byte(line), tensors[0].Data...)}, r.Task, Limits{}); most >= 600 ||
		!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "want at least a bit for each") {
		t.Errorf("600 images in the bytes of %d: %v", most, err)
	}
}

func TestASmallFormStandsAlone(t *testing.T) {
	small, r := mustMake(t, blobs("DCT:20:0.5:0")).Files, blobs("DCT:20:0.5:0")
	pixels := mustMake(t, blobs(U8)).Files
	for name, other := range map[string]string{"a manifest": ManifestFile, "data": DataFile, "nothing of a set": "x"} {
		both := Files{SmallFile: small[SmallFile], other: pixels[other]}
		if _, err := ReadSet(both, r.Task, Limits{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s beside it: %v", name, err)
		}
		if _, err := ReadManifest(both, Limits{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s beside it, read without its task: %v", name, err)
		}
	}
	for name, files := range map[string]fs.FS{"no file": Files{},
		"a folder of its name": fstest.MapFS{SmallFile + "/x": {Data: small[SmallFile]}}} {
		if _, err := ReadSet(files, r.Task, Limits{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without its task a small form tells all but the name of the task and the classes behind the last one held.
func TestASmallFormTellsOfItselfWithoutItsTask(t *testing.T) {
	r := blobs("DCT:20:0.5:0")
	r.Licence, r.Settings, r.Seed = "CC0 & <more>", map[string]string{"tolerance": "0.002"}, 1<<63
	made := mustMake(t, r)
	m, err := ReadManifest(made.Files, Limits{})
	if err != nil || m.TaskName != "" || fmt.Sprint(m.Counts) != "[2 2]" {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := m.Complete(r.Task); err != nil {
		t.Fatal(err)
	}
	a, err := canonicalJSON(m)
	b, err2 := canonicalJSON(made.Manifest)
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("made %s, read %s", b, a)
	}
}

// FuzzReadSmall reads any stream behind any line, or behind one that says what is drawn: what is accepted is
// written as the same bytes, and holds as many images as it says.
func FuzzReadSmall(f *testing.F) {
	task := blobs(DCT).Task
	for _, pixels := range []PixelType{"DCT:20:0.5:0", "DCT:72:1024:4", "DCT:1:0.25:2"} {
		made, err := Make(f.Context(), blobs(pixels))
		if err != nil {
			f.Fatal(err)
		}
		line, stream := smallParts(f, made.Files)
		f.Add(line, uint16(2), uint16(2), uint8(20), float32(0.5), stream)
		f.Add("", uint16(2), uint16(2), uint8(20), float32(0.5), stream)
	}
	m := mustMakeFor(f, blobs("DCT:20:0.5:0"))
	f.Fuzz(func(t *testing.T, line string, first, second uint16, k uint8, step float32, stream []byte) {
		if line == "" {
			m := m
			m.Counts = []int{int(first), int(second), 0}
			m.Images.DType = DCTOf(spectrum.Code{Shape: task.Shape, K: int(k), Step: step})
			m.Recipe = nil
			doc, err := m.small()
			if err != nil {
				t.Skip(err)
			}
			line = string(doc)
		}
		const most = 1 << 20
		content := append([]byte(line), stream...)
		set, err := ReadSet(Files{SmallFile: content}, task, Limits{DecodedBytes: most})
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		m := set.Manifest
		if n := set.Samples.Len(); n != m.Images.Count || n < 1 || len(set.Samples.X) != n*task.Shape.Size() ||
			4*len(set.Samples.X) > most {
			t.Fatalf("%d images with %d values, the set says %d", n, len(set.Samples.X), m.Images.Count)
		}
		again, err := m.small()
		tensors, err2 := encode(set.Samples, m.Images.DType, 0)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if again = append(again, tensors[0].Data...); !bytes.Equal(again, content) {
			t.Errorf("%q is read, and written as %q", content, again)
		}
	})
}

// mustMakeFor is the manifest of a set that is made of a request.
func mustMakeFor(f *testing.F, r Request) Manifest {
	f.Helper()
	made, err := Make(f.Context(), r)
	if err != nil {
		f.Fatal(err)
	}
	return made.Manifest
}
