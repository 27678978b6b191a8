package field

import (
	"fmt"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// pic is a picture of one grey, and shown what a model gets of it.
func pic(v byte) []byte { return ft.PNG(ft.Gray(2, 2, v, v, v, v)) }

func shown(v ...byte) (out [][]float32) {
	for _, v := range v {
		out = append(out, grays(v, v, v, v))
	}
	return out
}

// Old: val was never read, and Test beside train was ignored while a fifth of train
// was held out.
func TestPartsAreKnownByNamesInAnyCase(t *testing.T) {
	pictures := func(train, test string) map[string][]byte {
		return map[string][]byte{train + "/a/1.png": pic(1), train + "/b/1.png": pic(2), test + "/a/1.png": pic(3),
			test + "/b/1.png": pic(4)}
	}
	var cases []fieldCase
	for _, names := range [][2]string{{"train", "test"}, {"Train", "Test"}, {"TRAIN", "TEST"}, {"training", "testing"},
		{"train_set", "test_set"}, {"training_set", "test_set"}, {"Training Set", "Test Set"}, {"trainset", "testset"},
		{"train", "val"}, {"train", "valid"}, {"train", "Validation"}, {"train", "dev"}, {"Train-Data",
			"Test-Data"}, {"training_data", "testing_data"}, {"TrainingData", "TestData"}, {"train_images", "test_images"},
		{"mnist_train", "mnist_test"}, {"train_dataset", "val_dataset"}, {"set/train", "set/test"}, {"one/set/Train",
			"one/set/Val"}, {"set/training_set/training_set", "set/test_set/test_set"}} {
		cases = append(cases, fieldCase{name: names[0] + " and " + names[1], files: pictures(names[0], names[1]),
			train: shown(1, 2), test: shown(3, 4), y: []int{0, 1}, testY: []int{0, 1}, classes: []string{"a", "b"}})
	}
	inside := map[string][]byte{"a/train/1.png": pic(1), "b/train/1.png": pic(2), "a/test/1.png": pic(3),
		"b/test/1.png": pic(4)}
	three := pictures("train", "test")
	three["val/a/1.png"], three["val/b/1.png"] = pic(5), pic(6)
	alone := map[string][]byte{"val/a/1.png": pic(1), "val/b/1.png": pic(2)}
	cases = append(cases,
		fieldCase{name: "inside every class", files: inside, train: shown(1, 2), test: shown(3, 4), y: []int{0, 1}},
		fieldCase{name: "three", files: three, train: shown(1, 2), test: shown(3, 4),
			notes: []string{"part-validation"}, says: "val is not used"},
		fieldCase{name: "three, val trained on", files: three,
			r: open.Reading{Parts: map[string]string{"val": "train"}}, train: shown(1, 2, 5, 6), test: shown(3, 4)},
		fieldCase{name: "three, val tested with", files: three,
			r: open.Reading{Parts: map[string]string{"val": "test", "test": "ignore"}}, train: shown(1,
				2), test: shown(5, 6)},
		fieldCase{name: "val alone", files: alone, refused: "--part"},
		fieldCase{name: "val alone, asked for", files: alone, r: open.Reading{Parts: map[string]string{"val": "train"}},
			train: shown(1, 2), testY: []int{}},
		fieldCase{name: "train alone", files: map[string][]byte{"train/a/1.png": pic(1), "train/b/1.png": pic(2)},
			train: shown(1, 2), testY: []int{}},
		fieldCase{name: "a part of no known name", files: func() map[string][]byte {
			f := pictures("train", "test")
			f["extra/a/1.png"] = pic(9)
			return f
		}(), train: shown(1, 2), notes: []string{"beside-parts"}, says: "extra"},
		fieldCase{name: "a part of no known name, asked for", files: func() map[string][]byte {
			f := pictures("train", "test")
			f["extra/a/1.png"] = pic(9)
			return f
		}(), r: open.Reading{Parts: map[string]string{"extra": "train"}}, train: shown(9, 1, 2)},
		fieldCase{name: "a part that is not there", files: three,
			r: open.Reading{Parts: map[string]string{"nope": "train"}}, refused: "there is no part"},
		fieldCase{name: "pictures to test with beside classes",
			files: map[string][]byte{"a/1.png": pic(1), "b/1.png": pic(2), "test/1.png": pic(3)}, classes: []string{"a",
				"b", "test"}, train: shown(1, 2, 3), notes: []string{"part-as-class"}, says: "--part test=ignore"},
		fieldCase{name: "pictures to test with beside classes, left out",
			files: map[string][]byte{"a/1.png": pic(1), "b/1.png": pic(2),
				"test/1.png": pic(3)}, r: open.Reading{Parts: map[string]string{"test": "ignore"}}, classes: []string{"a", "b"},
			train: shown(1, 2)},
		fieldCase{name: "pictures to test with beside classes, asked for",
			files: map[string][]byte{"a/1.png": pic(1), "b/1.png": pic(2),
				"test/1.png": pic(3)}, r: open.Reading{Parts: map[string]string{"test": "test"}}, refused: "no folders of classes"},
		fieldCase{name: "a test part without classes", files: map[string][]byte{"train/a/1.png": pic(1),
			"train/b/1.png": pic(2), "test/1.png": pic(3)}, train: shown(1, 2), testY: []int{},
			notes: []string{"part-unlabeled"}},
	)
	walk(t, cases)
}

func TestPartsAreKnownInTablesAndArrays(t *testing.T) {
	table := func(v ...int) []byte {
		text := "f,g,label\n"
		for i, n := range v {
			text += fmt.Sprintf("%d,%d,%c\n", n, n+1, 'a'+i%2)
		}
		return []byte(text)
	}
	x := func(v ...float32) (out [][]float32) {
		for _, n := range v {
			out = append(out, []float32{n, n + 1})
		}
		return out
	}
	arrays := func(names ...string) map[string][]byte {
		out := map[string][]byte{}
		for i, n := range names {
			v := float64(10 * i)
			out[fmt.Sprintf(n, "x")] = ft.Array("<f4", []int{2, 2}, []float64{v + 1, v + 2, v + 2, v + 3})
			out[fmt.Sprintf(n, "y")] = ft.Array("<i8", []int{2}, []float64{0, 1})
		}
		return out
	}
	var cases []fieldCase
	for _, names := range [][2]string{{"train.csv", "test.csv"}, {"Train.CSV", "Test.CSV"}, {"TRAIN.tsv", "VAL.tsv"},
		{"mnist_train.csv", "mnist_test.csv"}, {"data.train.txt", "data.dev.txt"}, {"training.csv.gz",
			"validation.csv"}, {"d/train_set.csv", "d/test_set.csv"}} {
		content := map[string][]byte{names[0]: table(1, 2), names[1]: table(3, 4)}
		if names[0] == "training.csv.gz" {
			content[names[0]] = ft.Gzip(table(1, 2))
		}
		cases = append(cases, fieldCase{name: names[0] + " and " + names[1], files: content, train: x(1, 2), test: x(3,
			4), testY: []int{0, 1}})
	}
	for _, names := range [][2]string{{"%s_train", "%s_test"}, {"train_%s", "test_%s"}, {"%sTrain", "%sTest"},
		{"%s_TRAIN", "%s_VAL"}, {"%strain", "%stest"}, {"train%s", "valid%s"}, {"training_%s", "testing_%s"}} {
		cases = append(cases, fieldCase{name: "npz " + names[0] + " " + names[1], files: npz(arrays(names[0],
			names[1])), train: x(1, 2), test: x(11, 12), testY: []int{0, 1}})
	}
	three := arrays("%s_train", "%s_val", "%s_test")
	shards := map[string][]byte{"train-00000-of-00002.csv": table(1, 2), "train-00001-of-00002.csv": table(3, 4),
		"test-00000-of-00001.csv": table(5, 6)}
	cases = append(cases,
		fieldCase{name: "npz of three", files: npz(three), train: x(1, 2), test: x(21, 22),
			notes: []string{"part-validation"}},
		fieldCase{name: "npz of three, val trained on", files: npz(three),
			r: open.Reading{Parts: map[string]string{"val": "train"}}, train: x(1, 2, 11, 12), test: x(21, 22)},
		fieldCase{name: "npz without labels to test with", files: npz(func() map[string][]byte {
			a := arrays("%s_train", "%s_test")
			delete(a, "y_test")
			return a
		}()), refused: "half a test part"},
		fieldCase{name: "shards", files: shards, train: x(1, 2, 3, 4), test: x(5, 6), y: []int{0, 1, 0, 1}},
		fieldCase{name: "a table beside the parts", files: map[string][]byte{"train.csv": table(1, 2),
			"test.csv": table(3, 4), "more.csv": table(5,
				6)}, train: x(1, 2), test: x(3, 4), notes: []string{"beside-parts"}},
		fieldCase{name: "a table beside the parts, asked for",
			files: map[string][]byte{"train.csv": table(1, 2), "test.csv": table(3, 4),
				"more.csv": table(5,
					6)}, r: open.Reading{Parts: map[string]string{"more.csv": "train"}}, train: x(5, 6, 1, 2), test: x(3, 4)},
		fieldCase{name: "two tables of no part", files: map[string][]byte{"one.csv": table(1, 2), "two.csv": table(3,
			4)}, refused: "name one of them"},
		fieldCase{name: "columns to test with in another order",
			files: map[string][]byte{"train.csv": table(1, 2),
				"test.csv": []byte("label,g,f\nb,4,3\na,5,4\n")}, train: x(1, 2), test: x(3, 4), testY: []int{1, 0}},
		fieldCase{name: "a column less to test with", files: map[string][]byte{"train.csv": table(1, 2),
			"test.csv": []byte("f,label\n1,a\n2,b\n")}, refused: "(g)"},
		fieldCase{name: "a column more to test with", files: map[string][]byte{"train.csv": table(1, 2),
			"test.csv": []byte("f,h,g,label\n3,0,4,a\n4,0,5,b\n")}, test: x(3, 4), notes: []string{"column-extra"}},
		fieldCase{name: "fields in another number, without names",
			files: map[string][]byte{"train.csv": []byte("1,2,a\n2,3,b\n"),
				"test.csv": []byte("1,a\n2,b\n")}, refused: "the column of the labels is not there"},
	)
	walk(t, cases)
}

// Old: names of classes were compared byte by byte.
func TestNamesOfClassesHaveOneForm(t *testing.T) {
	const nfc, nfd = "caf\u00e9", "cafe\u0301"
	two := func(a, b string) map[string][]byte {
		return map[string][]byte{"train/" + a + "/1.png": pic(1), "train/b/1.png": pic(2), "test/" + b +
			"/1.png": pic(3), "test/b/1.png": pic(4)}
	}
	walk(t, []fieldCase{
		{name: "NFD to test with", files: two(nfc, nfd), classes: []string{"b", nfc}, y: []int{0, 1},
			testY: []int{0, 1}, test: shown(4, 3)},
		{name: "NFD to train on", files: two(nfd, nfc), classes: []string{"b", nfc}, testY: []int{0, 1},
			notes: []string{"class-form"}},
		{name: "both in one part", files: map[string][]byte{nfc + "/1.png": pic(1), nfd + "/2.png": pic(2),
			"b/1.png": pic(3)}, classes: []string{"b", nfc}, train: shown(3, 2, 1), y: []int{0, 1, 1}},
		{name: "NFD in a table", files: csv("1,2," + nfc + "\n3,4," + nfd + "\n5,6,x\n"), classes: []string{nfc, "x"},
			y: []int{0, 0, 1}},
		{name: "NFD in arrays of text", files: npz(map[string][]byte{"x": ft.Array("|u1", []int{3, 2}, []float64{1, 2,
			3, 4, 5, 6}), "y": ft.Words(nfd, "b", nfc)}), classes: []string{"b", nfc}, y: []int{1, 0, 1}},
		{name: "NFD for a task", files: map[string][]byte{nfd + "/1.png": pic(1), "b/1.png": pic(2)},
			task: imageTask(data.Shape{C: 1, H: 2, W: 2}, nfc, "b"), y: []int{1, 0}, train: shown(2, 1)},
		{name: "blanks around", files: csv("f,label\n1, cat\n2,cat \n3,\"dog \"\n4,dog\n"),
			classes: []string{"cat", "dog"}, y: []int{0, 0, 1, 1}},
		{name: "blanks around, folders", files: two("cat ", "cat"), classes: []string{"b", "cat"}, testY: []int{0, 1},
			notes: []string{"class-form"}},
		{name: "case", files: map[string][]byte{"cat/1.png": pic(1), "Cat/1.png": pic(2), "dog/1.png": pic(3)},
			classes: []string{"Cat", "cat", "dog"}, says: "warning"},
		{name: "case in two parts", files: two("cat", "Cat"), refused: "Cat"},
		{name: "case in a task", files: map[string][]byte{"Cat/1.png": pic(1), "b/1.png": pic(2)},
			task: imageTask(data.Shape{C: 1, H: 2, W: 2}, "cat", "b"), refused: `rename it if it is "cat"`},
		{name: "leading zeros", files: map[string][]byte{"01/1.png": pic(1), "2/1.png": pic(2), "10/1.png": pic(3)},
			classes: []string{"01", "2", "10"}, train: shown(1, 3, 2), y: []int{0, 2, 1}},
		{name: "leading zeros and not", files: map[string][]byte{"7/1.png": pic(1), "007/1.png": pic(2),
			"b/1.png": pic(3)}, classes: []string{"007", "7", "b"}, says: "warning"},
		{name: "a class to test with that training lacks", files: two("cat", "dog"), refused: "dog"},
		{name: "that accepted", files: two("cat", "dog"), r: open.Reading{Accept: []string{"class-untrained"}},
			classes: []string{"b", "cat", "dog"}, y: []int{0, 1}, testY: []int{0, 2}},
		{name: "a class that is not tested", files: map[string][]byte{"train/a/1.png": pic(1), "train/b/1.png": pic(2),
			"test/a/1.png": pic(3)}, notes: []string{"class-untested"}, testY: []int{0}},
		{name: "a class that the task lacks", files: map[string][]byte{"a/1.png": pic(1), "z/1.png": pic(2)},
			task: imageTask(data.Shape{C: 1, H: 2, W: 2}, "a", "b"), refused: `class "z" is none of task`},
	})
}

// Old: these folders were refused as classes without pictures.
func TestWhatOtherProgramsLeftIsNoClass(t *testing.T) {
	base := func(more ...string) map[string][]byte {
		out := map[string][]byte{"a/1.png": pic(1), "b/1.png": pic(2)}
		for _, name := range more {
			out[name] = pic(9)
		}
		return out
	}
	var cases []fieldCase
	for _, junk := range []string{"__MACOSX/a/._1.png", "@eaDir/a/1.png", "$RECYCLE.BIN/1.png",
		"System Volume Information/x.png", "lost+found/1.png", ".ipynb_checkpoints/1.png", ".git/1.png", "a/.DS_Store",
		"a/Thumbs.db", "b/desktop.ini", "a/._1.png",
		"a/@eaDir/1.png", "#recycle/1.png", "__pycache__/1.png"} {
		cases = append(cases, fieldCase{name: junk, files: base(junk), train: shown(1, 2), classes: []string{"a", "b"},
			says: "left by other programs"})
	}
	cases = append(cases,
		fieldCase{name: "in parts", files: map[string][]byte{"train/a/1.png": pic(1), "train/b/1.png": pic(2),
			"train/.ipynb_checkpoints/1.png": pic(9), "test/a/1.png": pic(3), "test/b/1.png": pic(4),
			"__MACOSX/train/1.png": pic(9)}, train: shown(1, 2), test: shown(3, 4)},
		fieldCase{name: "in a zip archive", files: map[string][]byte{"d.zip": ft.Zip(base("__MACOSX/a/._1.png",
			"a/.DS_Store"))}, path: "d.zip", train: shown(1, 2)},
		fieldCase{name: "beside a table", files: map[string][]byte{"d.csv": []byte("1,2,a\n3,4,b\n"), "._d.csv": {0, 5,
			22, 7}, ".~lock.d.csv#": []byte("x,y\n")}, train: rows([]float32{1, 2}, []float32{3, 4}),
			says: "left by other programs"},
		fieldCase{name: "an empty class is none of theirs",
			files: map[string][]byte{"a/1.png": pic(1), "b/1.png": pic(2),
				"c/notes.txt": []byte("x")}, refused: "empty"},
		fieldCase{name: "an empty class accepted", files: map[string][]byte{"a/1.png": pic(1), "b/1.png": pic(2),
			"c/notes.txt": []byte("x")}, r: open.Reading{Accept: []string{"empty-class"}}, train: shown(1, 2),
			classes: []string{"a", "b"}},
	)
	walk(t, cases)
}
