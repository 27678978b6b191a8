// Package picture reads labeled pictures: a folder for each class, alone or
// inside folders for the parts. Pictures are recognized by their content.
package picture
