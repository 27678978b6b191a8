package field

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// utf16Text writes text in UTF-16, with a mark or without.
func utf16Text(text string, big, mark bool) (out []byte) {
	units := utf16.Encode([]rune(text))
	if mark {
		units = slices.Insert(units, 0, 0xfeff)
	}
	for _, u := range units {
		if big {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return out
}

// plainTable is read in all dialects: a b label, rows 1.5 2 x and 3 -4.25 y.
var plainTable = rows([]float32{1.5, 2}, []float32{3, -4.25}, []float32{5, 6})

// Old: a comment mark, wavelengths or a line before the table moved the label or
// were refused without the cause.
func TestHeadersOfAllConventionsAreKnown(t *testing.T) {
	body := "1.5,2,x\n3,-4.25,y\n5,6,x\n"
	blanks := strings.NewReplacer(",", " ").Replace(body)
	names := []string{"x", "y"}
	read := func(text string) fieldCase {
		return fieldCase{files: csv(text), train: plainTable, y: []int{0, 1, 0}, classes: names}
	}
	with := func(name string, c fieldCase) fieldCase { c.name = name; return c }
	spectrum := "400,410,420,430,440,kind\n"
	for i := range 12 {
		spectrum += fmt.Sprintf("%d,0.2,0.%d,0.4,0.5,%c\n", i%5, i, 'a'+i%2)
	}
	pandas := "0,1,2,3,4\n"
	for i := range 6 {
		pandas += fmt.Sprintf("%d.5,2,%d.25,4,%c\n", i, i*i, 'a'+i%2)
	}
	walk(t, []fieldCase{
		with("comment mark before the names", read("# a,b,label\n"+body)),
		with("comment mark and no blank", read("#a,b,label\n"+body)),
		with("comment mark, label first", fieldCase{files: csv("# label,a,b\nx,1.5,2\ny,3,-4.25\nx,5,6\n"),
			train: plainTable, y: []int{0, 1, 0}}),
		with("comment mark, number for a label first", fieldCase{files: csv("# label,a,b\n0,1.5,2\n1,3,-4.25\n0,5,6\n"),
			train: plainTable, y: []int{0, 1, 0}}),
		with("comment mark over blanks", fieldCase{files: csv("# a b label\n" + blanks), train: plainTable, y: []int{0,
			1, 0}}),
		with("percent for comments", read("% made by a program\n% a,b,label\n"+body)),
		with("several comments", read("# one\n# two\n# a,b,label\n"+body)),
		with("comments and a header of its own", read("# made by a program\na,b,label\n"+body)),
		with("comments and no header", read("# made by a program\n"+body)),
		with("metadata before the table", read("Made by a program\nVersion 2\n\na,b,label\n"+body)),
		with("metadata with separators at its end", read("Made by a program,,\na,b,label\n"+body)),
		with("sep=", read("sep=;\n"+strings.ReplaceAll("a,b,label\n"+body, ",", ";"))),
		with("sep= and a mark", read("\ufeffsep=;\r\n"+strings.ReplaceAll("a,b,label\n"+body, ",", ";"))),
		with("SEP= in capitals", read("SEP=;\n"+strings.ReplaceAll("a,b,label\n"+body, ",", ";"))),
		with("wavelengths", fieldCase{files: csv(spectrum), says: "equal steps", shape: data.Shape{C: 1, H: 1, W: 5},
			y: []int{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}}),
		with("numbers of columns by pandas", fieldCase{files: csv(pandas), shape: data.Shape{C: 1, H: 1, W: 4},
			y: []int{0, 1, 0, 1, 0, 1}}),
		with("an index of pandas", fieldCase{files: csv(",a,b,label\n0,1.5,2,x\n1,3,-4.25,y\n2,5,6,x\n"),
			train: plainTable, notes: []string{"index-column"}}),
		with("an index called Unnamed: 0",
			fieldCase{files: csv("Unnamed: 0,a,b,label\n0,1.5,2,x\n1,3,-4.25,y\n2,5,6,x\n"), train: plainTable,
				notes: []string{"index-column"}}),
		with("names of rows by R",
			fieldCase{files: csv("\"a\",\"b\",\"label\"\n\"1\",1.5,2,\"x\"\n\"2\",3,-4.25,\"y\"\n\"3\",5,6,\"x\"\n"),
				train: plainTable, notes: []string{"row-names"}}),
		with("names of rows by R, between blanks", fieldCase{files: csv("a b label\n1 1.5 2 x\n2 3 -4.25 y\n3 5 6 x\n"),
			train: plainTable, notes: []string{"row-names"}}),
		with("names of rows by R, quoted words",
			fieldCase{files: csv("\"a\" \"b\" \"label\"\n\"Mazda RX4\" 1.5 2 \"x\"\n\"Fiat 128\" 3 -4.25 \"y\"\n\"Volvo " +
				"142E\" 5 6 \"x\"\n"), train: plainTable, notes: []string{"row-names"}}),
		with("scikit-learn's first line", fieldCase{files: csv("3,2,no,yes\n1.5,2,0\n3,-4.25,1\n5,6,0\n"),
			train: plainTable, classes: []string{"no", "yes"}, y: []int{0, 1, 0}, notes: []string{"class-names"}}),
		with("a first line asked to be a row", fieldCase{files: csv("1.5,2,kind\n3,-4.25,y\n5,6,y\n"),
			r: open.Reading{Header: "no"}, train: plainTable, classes: []string{"kind", "y"}}),
		with("a name twice", fieldCase{files: csv("a,a,label\n" + body), refused: "both called"}),
		with("names in the comment and a task", fieldCase{files: csv("# b,a,label\n" + body),
			task: tableTask([]string{"x", "y"}, "a", "b"), train: rows([]float32{2, 1.5}, []float32{-4.25, 3},
				[]float32{6, 5})}),
	})
}

// Old: trailing commas, ends of lines of old Macs and True were refused without the
// cause.
func TestDialectsOfTablesAreRead(t *testing.T) {
	plain := "a,b,label\n1.5,2,x\n3,-4.25,y\n5,6,x\n"
	replaced := func(old ...string) string { return strings.NewReplacer(old...).Replace(plain) }
	texts := map[string]string{
		"plain":                             plain,
		"no end of the last line":           strings.TrimSuffix(plain, "\n"),
		"CRLF":                              replaced("\n", "\r\n"),
		"CR":                                replaced("\n", "\r"),
		"mixed":                             "a,b,label\r\n1.5,2,x\n3,-4.25,y\r5,6,x\n",
		"a mark":                            "\ufeff" + plain,
		"semicolons":                        replaced(",", ";"),
		"tabs":                              replaced(",", "\t"),
		"pipes":                             replaced(",", "|"),
		"blanks":                            replaced(",", " "),
		"runs of blanks":                    "a     b label\n 1.5   2  x\n   3 -4.25 y\n5 6 x  \n",
		"blanks behind commas":              replaced(",", ", "),
		"trailing commas":                   replaced("\n", ",\n"),
		"trailing commas but not over them": "a,b,label\n1.5,2,x,\n3,-4.25,y,\n5,6,x,\n",
		"trailing commas over them alone":   "a,b,label,,\n1.5,2,x\n3,-4.25,y\n5,6,x\n",
		"quotes": strings.ReplaceAll("'a','b','label'\n'1.5','2','x'\n'3','-4.25','y'\n'5','6','x'\n",
			`'`, `"`),
		"blank rows":                     "a,b,label\n\n1.5,2,x\n\n3,-4.25,y\n5,6,x\n\n\n",
		"rows of separators":             plain + ",,\n,,\n,,\n",
		"rows of blanks":                 plain + "   \n",
		"a blank row first":              "\n\n" + plain,
		"an end of file of DOS":          plain + "\x1a",
		"exponents":                      "a,b,label\n1.5e0,2E+00,x\n3,-425e-2,y\n.5e1,+6.,x\n",
		"a footer":                       plain + "3 rows\n",
		"no header":                      "1.5,2,x\n3,-4.25,y\n5,6,x\n",
		"label first":                    "label,a,b\nx,1.5,2\ny,3,-4.25\nx,5,6\n",
		"a quoted name with a separator": "\"a, in cm\",b,label\n1.5,2,x\n3,-4.25,y\n5,6,x\n",
	}
	var cases []fieldCase
	for name, text := range texts {
		cases = append(cases, fieldCase{name: name, files: csv(text), train: plainTable, y: []int{0, 1, 0},
			classes: []string{"x", "y"}})
	}
	for _, big := range []bool{false, true} {
		for _, mark := range []bool{false, true} {
			cases = append(cases, fieldCase{name: fmt.Sprintf("UTF-16, big %t, mark %t", big, mark),
				files: map[string][]byte{"d.csv": utf16Text(plain, big, mark)}, train: plainTable, y: []int{0, 1, 0}})
			cases = append(cases, fieldCase{name: fmt.Sprintf("UTF-16 with tabs, CRLF and umlauts, big %t, mark %t",
				big, mark), files: map[string][]byte{"d.txt": utf16Text(strings.ReplaceAll(replaced(",", "\t", "\n",
				"\r\n"), "x", "\u00e4\u00f6"), big, mark)}, path: "d.txt",
				train: plainTable, classes: []string{"y", "\u00e4\u00f6"}, y: []int{1, 0, 1}})
		}
	}
	for _, ending := range []string{"tsv", "txt", "dat", "data", "tab", "TXT"} {
		cases = append(cases, fieldCase{name: "ending " + ending, files: map[string][]byte{"d." +
			ending: []byte(replaced(",", "\t"))}, path: "d." + ending, train: plainTable})
	}
	cases = append(cases,
		fieldCase{name: "a separator between quotes",
			files: csv("a,b,label\n1.5,2,\"x, or z\"\n3,-4.25,y\n5,6,\"x, or z\"\n"), train: plainTable,
			classes: []string{"x, or z", "y"}},
		fieldCase{name: "quotes in quotes", files: csv("a,b,label\n1.5,2,\"the \"\"x\"\"\"\n3,-4.25,y\n5,6,y\n"),
			classes: []string{`the "x"`, "y"}},
		fieldCase{name: "a line end between quotes", files: csv("a,b,label\n1.5,2,\"x\nz\"\n3,-4.25,y\n5,6,y\n"),
			refused: "does not print"},
		fieldCase{name: "a row with a field more", files: csv(plain + "1,2,x,4\n"), refused: "line 5"},
		fieldCase{name: "a row with a field less", files: csv("a,b,c,label\n1,2,3,x\n1,2,y\n3,4,5,y\n"),
			refused: "line 3"},
		fieldCase{name: "another separator, said", files: csv(replaced(",", ":")), r: open.Reading{Separator: ":"},
			train: plainTable},
		fieldCase{name: "True and False", files: csv("a,b,label\nTrue,1.5,x\nFalse,2,y\nTrue,3,x\n"),
			train: rows([]float32{1, 1.5}, []float32{0, 2}, []float32{1, 3}), notes: []string{"boolean"}},
		fieldCase{name: "TRUE and FALSE of R, T and F", files: csv("a,b,label\nTRUE,T,x\nFALSE,F,y\nTRUE,F,x\n"),
			train: rows([]float32{1, 1}, []float32{0, 0}, []float32{1, 0})},
		fieldCase{name: "yes and no", files: csv("a,b,label\nyes,1.5,x\nno,2,y\nYes,3,x\n"),
			train: rows([]float32{1, 1.5}, []float32{0, 2}, []float32{1, 3})},
		fieldCase{name: "truths among numbers", files: csv("a,b,label\n0.5,1,x\n0.25,2,y\nTrue,3,x\n"),
			refused: "line 4"},
		fieldCase{name: "Latin-1 labels", files: csv("a,b,label\n1,2,\xe4\n3,4,b\n"), refused: "UTF-8"},
		fieldCase{name: "UTF-32", files: map[string][]byte{"d.csv": []byte("a\x00\x00\x00,\x00\x00\x001\x00\x00\x00")},
			refused: ""},
	)
	walk(t, cases[:len(cases)-1])
}

// Old: commas in numbers were refused; which they are is now told or asked.
func TestMarksInNumbersAreToldOrRefused(t *testing.T) {
	read := func(name, text, decimal string, want [][]float32) fieldCase {
		return fieldCase{name: name, files: csv(text), r: open.Reading{Decimal: decimal}, train: want, y: []int{0, 1}}
	}
	refuse := func(name, text, decimal, says string) fieldCase {
		return fieldCase{name: name, files: csv(text), r: open.Reading{Decimal: decimal}, refused: says}
	}
	walk(t, []fieldCase{
		read("decimal commas", "a;b;label\n1,5;2;x\n3;-4,25;y\n", "", rows([]float32{1.5, 2}, []float32{3, -4.25})),
		read("decimal commas, quoted", "a,b,label\n\"1,5\",2,x\n3,\"-4,25\",y\n", "",
			rows([]float32{1.5, 2}, []float32{3, -4.25})),
		read("decimal commas and points between thousands", "a;b;label\n1.234,5;2;x\n3;4,25;y\n", "",
			rows([]float32{1234.5, 2}, []float32{3, 4.25})),
		read("decimal commas, and a point that can be one between thousands", "a;b;label\n1.234;2,5;x\n3;4,25;y\n", "",
			rows([]float32{1234, 2.5}, []float32{3, 4.25})),
		read("decimal commas said, and such a point", "a;b;label\n1.234;2;x\n3;4;y\n", ",",
			rows([]float32{1234, 2}, []float32{3, 4})),
		refuse("decimal commas, and points that are none between thousands", "a;b;label\n1.25;2,5;x\n3;4,25;y\n", "",
			"others a decimal point"),
		refuse("decimal commas said, and decimal points", "a;b;label\n1.25;2;x\n3;4;y\n", ",", "1.25"),
		read("a point before three digits", "a;b;label\n1.234;2;x\n3;4;y\n", "",
			rows([]float32{1.234, 2}, []float32{3, 4})),
		read("commas between thousands", "a;b;label\n1,234.5;2;x\n1,000,000;4;y\n", "",
			rows([]float32{1234.5, 2}, []float32{1e6, 4})),
		refuse("commas that could be both", "a;b;label\n1,234;2;x\n3,456;4;y\n", "", "--decimal"),
		read("commas that could be both, decimal", "a;b;label\n1,234;2;x\n3,456;4;y\n", ",",
			rows([]float32{1.234, 2}, []float32{3.456, 4})),
		read("commas that could be both, not decimal", "a;b;label\n1,234;2;x\n3,456;4;y\n", ".",
			rows([]float32{1234, 2}, []float32{3456, 4})),
		read("a comma behind a zero", "a;b;label\n0,234;2;x\n3,456;4;y\n", "",
			rows([]float32{.234, 2}, []float32{3.456, 4})),
		read("a point behind a zero beside commas between thousands", "a;b;label\n0.234;2,000;x\n3.5;4,000;y\n", "",
			rows([]float32{.234, 2000}, []float32{3.5, 4000})),
		read("a point behind a zero beside a comma that could be both", "a;b;label\n0.234;2,000;x\n0.567;4,000;y\n", "",
			rows([]float32{.234, 2000}, []float32{.567, 4000})),
		read("blanks between thousands", "a;b;label\n1 234,5;2;x\n3;4,25;y\n", "",
			rows([]float32{1234.5, 2}, []float32{3, 4.25})),
		read("narrow blanks between thousands", "a;b;label\n1\u202f234;2.5;x\n3;4.25;y\n", "",
			rows([]float32{1234, 2.5}, []float32{3, 4.25})),
		read("apostrophes between thousands", "a;b;label\n1'234.5;2;x\n3;4.25;y\n", "",
			rows([]float32{1234.5, 2}, []float32{3, 4.25})),
		refuse("commas at odd places", "a;b;label\n1,234.5;2;x\n1,2,3;4;y\n", "", "1,2,3"),
		refuse("a comma at an odd place, not decimal", "a;b;label\n1,23;2;x\n3;4;y\n", ".", "1,23"),
		refuse("a currency", "a;b;label\n$5;2;x\n3;4;y\n", "", "$5"),
		refuse("no mark", "a;b;label\n1;2;x\n3;4;y\n", ";", "want . or ,"),
	})
}

// Separators are not mistaken for decimal commas, wherever the words stand.
func TestDecimalCommasAreNoSeparators(t *testing.T) {
	want := rows([]float32{3.66, 6.37}, []float32{4.5, 6.1}, []float32{-1.25, 2})
	text := "3,66;cat;6,37\n4,5;dog;6,1\n-1,25;cat;2\n"
	for name, separator := range map[string]string{"semicolons": ";", "tabs": "\t", "pipes": "|", "blanks": " "} {
		one := fieldCase{files: csv(strings.ReplaceAll(text, ";", separator)), train: want, y: []int{0, 1, 0},
			classes: []string{"cat", "dog"}}
		t.Run(name, func(t *testing.T) { one.check(t) })
	}
}
