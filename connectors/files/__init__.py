"""Local files, trees and standard input."""
